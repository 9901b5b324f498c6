// Whom a test may take out of a move, and how each of them comes back.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../chaos/random.ts'
import type { Cluster } from '../support/cluster.ts'
import type { LabHost } from '../support/lab-host.ts'

export const PARTIES = [
  'agent of the source',
  'agent of the target',
  'libvirtd of the source',
  'libvirtd of the target',
  'scheduler',
  'network',
] as const
export type Party = (typeof PARTIES)[number]

export interface Sides {
  readonly source: LabHost
  readonly target: LabHost
}

/** Longer than an agent waits for the other one, shorter than a lease. */
const CUT_MS = { least: 1_000, most: 8_000 } as const

/** Takes it out now; resolves when it is back. What of the network is cut, and for how long, is drawn. Says what was done. */
export async function takeOut(party: Party, cluster: Cluster, sides: Sides, random: Random): Promise<string> {
  const { source, target } = sides
  const cutMs = random.between(CUT_MS.least, CUT_MS.most)
  const place = random.next()
  switch (party) {
    case 'agent of the source':
      await source.restartAgent()
      return party
    case 'agent of the target':
      await target.restartAgent()
      return party
    case 'libvirtd of the source':
      await source.restartLibvirtd('KILL')
      return party
    case 'libvirtd of the target':
      await target.restartLibvirtd('KILL')
      return party
    case 'scheduler':
      await cluster.scheduler.restart()
      return party
    case 'network': {
      const [words, host, peer] = cutAt(place, cluster, sides)
      await cluster.whileApart(host, peer, () => sleep(cutMs))
      return `${words}, for ${cutMs} ms`
    }
  }
}

function cutAt(place: number, cluster: Cluster, { source, target }: Sides): readonly [string, LabHost, string] {
  if (place < 0.5) return ['network between source and target', source, cluster.addressOf(target.name)]
  const host = place < 0.75 ? source : target
  return [`network between ${host.name} and scheduler`, host, cluster.addressOf('scheduler')]
}
