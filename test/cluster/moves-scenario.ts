// Guests that count go to another host and back while agents and scheduler die: one with a disk of the host's own, one that boots by UEFI, with a
// shared disk, which comes back by post-copy.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostBinding, VirtualMachineOperation } from '../../schemas/index.ts'
import { listed } from '../chaos/invariants/seen.ts'
import type { Cluster } from '../support/cluster.ts'
import type { LabHost } from '../support/lab-host.ts'
import { waitFor } from '../support/wait.ts'
import { ConsoleTails, type Said } from './console-tails.ts'
import { COUNTING_GUEST } from './counting-guest.ts'
import { RunningCopies } from './running-copies.ts'
import {
  among,
  ask,
  disk,
  fromSecret,
  hasEnded,
  machine,
  open,
  runs,
  type Scenario,
  type Scene,
  SECONDS,
  secret,
  sharedClass,
  V1ALPHA2,
  wordsOf,
} from './scene.ts'
import type { SteadyObjects } from './steady-objects.ts'

const BOOT_SECONDS = 240
/** Each death may have a move fail, which is asked for anew. */
const MOVE_MS = 1_200_000
/** So slow that a transfer does not end by itself. */
const CRAWLING = { 'berth/migration-bandwidth': '1Mi' } as const
/** Slower than the guest writes its memory: it does not come to an end otherwise. */
const POST_COPY = { 'berth/migration-post-copy': 'true', 'berth/migration-bandwidth': '16Mi' } as const

/** A guest that shows whether it lived on. */
interface Counting {
  readonly name: string
  readonly uid: string
  readonly tails: ConsoleTails
  /** Moves that were asked for. */
  asked: number
}

const counts = ({ tails }: Counting): Promise<true> =>
  waitFor(
    'a guest that counts and has written',
    BOOT_SECONDS,
    () => tails.counts().length > 3 && tails.goodSums().length > 0,
    () => `${tails}`,
  )

/** It counts on, no number came twice or is missing, no sum was wrong. */
async function lives(objects: SteadyObjects, { name, tails, asked }: Counting): Promise<void> {
  const { status } = await runs(objects, name)
  const host = status?.nodeName ?? ''
  const last = tails.counts().at(-1) ?? 0
  await waitFor(
    `${name} that counts on ${host}`,
    SECONDS,
    () => Math.max(0, ...tails.counts(host)) > last + 1,
    () => `${tails}`,
  )
  const faults = tails.faults(asked)
  if (faults.length > 0) throw new Error(`${name}: ${faults.join('\n')}\n${tails}`)
}

/** It was in two parts when somebody died: it has begun anew once, and lives on since. */
async function livesAnew(objects: SteadyObjects, counting: Counting, before: Said): Promise<void> {
  const { name, tails } = counting
  await waitFor(
    `${name} that has begun anew`,
    BOOT_SECONDS,
    () => tails.startsSince(before) > 0,
    () => `${tails}`,
  )
  tails.beginAnew(before)
  await lives(objects, counting)
  if (tails.startsSince(before) !== 1) throw new Error(`${name} has begun more than once\n${tails}`)
}

/**
 * Until one of its moves has come to its end. Who dies in the midst may have it fail, in words; the guest goes on then, unless it was in two parts.
 * @throws when a guest did not live on that should
 */
async function moved(objects: SteadyObjects, counting: Counting, annotations = {}): Promise<void> {
  const { name, tails } = counting
  const begun = performance.now()
  for (;;) {
    const from = (await runs(objects, name)).status?.nodeName
    const before = tails.said()
    counting.asked++
    const operation = await ask(objects, name, 'Migrate', annotations)
    const ended = await objects.until<VirtualMachineOperation>('VirtualMachineOperation', operation, hasEnded, SECONDS)
    const words = wordsOf(ended)
    const isBroken = /^Failed PostCopyFailed: .*started anew/.test(words)
    if (isBroken) await livesAnew(objects, counting, before)
    else await lives(objects, counting)
    if (ended.status?.phase === 'Completed') {
      const to = (await runs(objects, name)).status?.nodeName
      if (to === from) throw new Error(`${name} is still on ${from}`)
      return
    }
    if (!/^Failed \w+: ./.test(words)) throw new Error(`${operation} ended ${words}`)
    process.stdout.write(`${operation}: ${words}\n`)
    if (performance.now() - begun > MOVE_MS) throw new Error(`no move of ${name} came to its end`)
  }
}

const isSending = ({ spec, status }: HostBinding, vm: string): boolean =>
  spec.subject.name === vm && status?.migration?.phase === 'Transferring' && spec.migration?.side === 'Source'

/**
 * A transfer is called off by the deletion of its operation. One that ended before, as somebody died, is asked for anew. The target, which might
 * give it up first, hears of it when the source has ended it.
 */
async function calledOff({ objects, cluster }: Scene, counting: Counting): Promise<void> {
  const { nodeName = '' } = (await runs(objects, counting.name)).status ?? {}
  const sending = async () =>
    (await listed<HostBinding>(cluster.hostOf(nodeName), 'HostBinding')).find((one) => isSending(one, counting.name))
  for (let wasSending = false; !wasSending; ) {
    counting.asked++
    const name = await ask(objects, counting.name, 'Migrate', CRAWLING)
    const over = async () => hasEnded(await objects.get<VirtualMachineOperation>('VirtualMachineOperation', name))
    const seen = await waitFor(`${name} under way, or over`, SECONDS, async () => {
      const binding = await sending()
      return binding?.status?.migration?.progress?.totalBytes === undefined ? over() : binding
    })
    wasSending = seen !== true
    const removal = () => objects.remove('VirtualMachineOperation', name, SECONDS)
    if (seen === true) await removal()
    else await calledOffBySource(cluster.hostOf(seen.spec.migration?.peer.node ?? ''), removal, sending)
    await lives(objects, counting)
  }
}

async function calledOffBySource(
  target: LabHost,
  removal: () => Promise<void>,
  sending: () => Promise<HostBinding | undefined>,
): Promise<void> {
  let removed: Promise<void> | undefined
  await target.agentReady()
  await target.whileAgentFrozen(async () => {
    removed = removal()
    removed.catch(() => undefined)
    await waitFor('a source that sends no more', SECONDS, async () => (await sending()) === undefined)
  })
  await removed
}

/** Hosts that have variables of its firmware, with a sum of what is in them. */
async function variablesOf({ hosts }: Cluster, { uid }: Counting): Promise<ReadonlyMap<string, string>> {
  const each = hosts.map(async ({ name, stateDir }) => {
    const folder = join(stateDir, 'nvram')
    const files = (await readdir(folder)).filter((file) => file.startsWith(uid))
    return await Promise.all(
      files.map(async (file) => {
        const content = await readFile(join(folder, file))
        return [name, createHash('sha256').update(content).digest('hex')] as const
      }),
    )
  })
  return new Map((await Promise.all(each)).flat())
}

/** They are where it is and nowhere else. Their sum. */
async function variablesCame(scene: Scene, counting: Counting): Promise<string> {
  const found = await variablesOf(scene.cluster, counting)
  const { nodeName = '' } = (await runs(scene.objects, counting.name)).status ?? {}
  const sum = found.get(nodeName)
  if (sum === undefined || found.size > 1)
    throw new Error(`firmware variables of ${counting.name}, which is on ${nodeName}, are on ${[...found.keys()]}`)
  return sum
}

/** Two guests with Secrets and an image go to another host and back. */
export const moves: Scenario = {
  name: 'moves',
  async run(scene, turn) {
    const { objects, cluster, rest } = scene
    const nodeSelector = among('moves', turn)
    await open(scene, nodeSelector, 'h1')
    const storageClassName = `moves-${turn}`
    await objects.create(sharedClass(storageClassName))
    const image = `guest-${turn}`
    const dataSource = { type: 'HTTP', http: { url: cluster.served.url('guest.qcow2') } }
    const spec = { storage: 'ContainerRegistry', dataSource }
    await objects.create({ apiVersion: V1ALPHA2, kind: 'VirtualImage', metadata: { name: image }, spec })
    await objects.create(secret('counting', COUNTING_GUEST))
    const made = async (name: string, ofDisk: { readonly storageClassName?: string }, ofMachine: object) => {
      await objects.create(disk(name, '128Mi', { image, ...ofDisk }))
      const more = { memory: { size: '128Mi' }, nodeSelector, ...fromSecret('counting'), ...ofMachine }
      const { uid } = (await objects.create(machine(name, more))).metadata
      return { name, uid, tails: new ConsoleTails(cluster.hosts, uid), asked: 0 }
    }
    const shared = await made(`shared-${turn}`, { storageClassName }, { bootloader: 'EFI', memory: { size: '256Mi' } })
    const local = await made(`local-${turn}`, {}, {})
    const both: readonly Counting[] = [local, shared]
    const copies = await RunningCopies.open(
      cluster.hosts,
      both.map(({ name, uid }) => ({ domain: `default.${name}`, uid })),
    )
    const neverTwice = () => {
      if (copies.twice.length > 0) throw new Error(copies.twice.join('\n'))
    }
    try {
      await counts(local)
      await open(scene, nodeSelector, 'h2')
      // UEFI takes its time meanwhile.
      await calledOff(scene, local)
      await counts(shared)
      const variables = await variablesCame(scene, shared)
      // One waits for its turn, prepared.
      await Promise.all(both.map((one) => moved(objects, one)))
      await rest()
      if ((await variablesCame(scene, shared)) !== variables) throw new Error('the variables came as other ones')
      await moved(objects, local)
      await moved(objects, shared, POST_COPY)
      await rest()
      await variablesCame(scene, shared)
      neverTwice()
      for (const { name } of both) await objects.remove('VirtualMachine', name, SECONDS)
      for (const { name } of both) await objects.remove('VirtualDisk', name, SECONDS)
      await objects.remove('Secret', 'counting', SECONDS)
      await objects.remove('VirtualImage', image, SECONDS)
      await objects.remove('StorageClass', storageClassName, SECONDS)
      await rest()
      neverTwice()
      const left = await readdir(join(cluster.dir, `shared/${storageClassName}/disks`))
      if (left.length > 0) throw new Error(`the shared folder has ${left}`)
    } finally {
      for (const { tails } of both) tails.close()
      await copies.stop()
    }
  },
}
