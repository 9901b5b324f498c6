// What befalls a host while clients work with it, as its dice say: ends of the agent, of libvirtd, of guests, and an agent that hangs.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../lib/errors.ts'
import type { Orders } from '../crash/orders.ts'
import { CRASH_POINTS } from '../crash/points.ts'
import type { LabHost } from '../support/lab-host.ts'
import { pause } from './pause.ts'
import { itemAt, type Random, weighted } from './random.ts'

/** How often each befalls the host. */
export const EVERYTHING = {
  'kill-agent': 40,
  'crash-point': 30,
  'kill-guest': 10,
  'freeze-agent': 6,
  'restart-libvirtd': 5,
  'kill-libvirtd': 5,
} as const
export type Trouble = keyof typeof EVERYTHING
export type Weights = Readonly<Partial<Record<Trouble, number>>>

const LONGEST_FREEZE_MS = 3_000
const OFTEN = 0.8

export interface TroublesDeps {
  readonly host: LabHost
  readonly orders: Orders
  readonly random: Random
  readonly weights: Weights
  /** libvirt's names of machines that must live on. */
  readonly spared: readonly string[]
}

export class Troubles {
  readonly #deps: TroublesDeps
  readonly #counts = new Map<Trouble, number>()
  #orders = 0

  constructor(deps: TroublesDeps) {
    this.#deps = deps
  }

  /** How often each came. */
  get counts(): ReadonlyMap<Trouble, number> {
    return this.#counts
  }

  /** One trouble; resolves when it is over, though its consequences may not be. */
  async cause(): Promise<void> {
    const { random, weights } = this.#deps
    const trouble = weighted(weights as Readonly<Record<Trouble, number>>, random.next())
    const dice = [random.next(), random.next()] as const
    this.#counts.set(trouble, (this.#counts.get(trouble) ?? 0) + 1)
    await this.#do(trouble, dice).catch(unlessGone)
  }

  /** ms until the next one. */
  pauseMs(): number {
    return this.#deps.random.between(50, 1_500)
  }

  async #do(trouble: Trouble, [one, other]: readonly [number, number]): Promise<void> {
    const { host, orders } = this.#deps
    switch (trouble) {
      case 'kill-agent': {
        const pid = await host.killAgent()
        // Most of the time the next one gets to work; some die while they are starting.
        return one < OFTEN ? host.agentReady(pid) : undefined
      }
      case 'crash-point': {
        const point = itemAt(CRASH_POINTS, one) ?? ''
        const nth = 1 + Math.floor(other * 3)
        return orders.give({ do: 'die', id: String(this.#orders++), point, nth })
      }
      case 'kill-guest':
        return this.#killGuest(one)
      case 'freeze-agent':
        return host.whileAgentFrozen(() => pause(one * LONGEST_FREEZE_MS))
      case 'restart-libvirtd':
        return host.restartLibvirtd('TERM')
      case 'kill-libvirtd':
        return host.restartLibvirtd('KILL')
    }
  }

  async #killGuest(place: number): Promise<void> {
    const { host, spared } = this.#deps
    const folder = join(host.dir, 'run/libvirt/qemu')
    const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.pid')).sort()
    const name = itemAt(
      names.filter((one) => !spared.includes(one.slice(0, -4))),
      place,
    )
    if (name === undefined) return
    const pid = Number(await readFile(join(folder, name), 'utf8').catch(() => '0'))
    // It may have ended by itself since.
    if (pid > 1) await host.signal('KILL', pid).catch(messageOf)
  }
}

/** Who was to be killed or frozen had just ended by another trouble. */
function unlessGone(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'ESRCH' && code !== 'ENOENT') throw error
}
