// Clients that create machines over the scheduler's unix socket; each posts its next one when its last one has a place on disk. What has a
// place is told by a watch, in the way in which clients learn it.
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import type { Client } from '../../../lib/client/client.ts'
import { infoOf } from '../../../scheduler/links/watched.ts'
import { type ClusterVmStatus, clusterStatusOf, VIRTUAL_MACHINE, type VirtualMachine } from '../../../schemas/index.ts'
import { draftOf, type MachineKind, MEASURED, NAMESPACE, VM_API } from './objects.ts'

export interface LoadAsk {
  readonly kind: MachineKind
  readonly machines: number
  readonly clients: number
  /** Label value of these machines. */
  readonly name: string
  /** What is waited for: that all have a place on disk, or that all run. */
  readonly until: 'placed' | 'running'
  /** Resource version of machines before the first of these. */
  readonly since: string
}

export interface LoadFigures {
  /** From the first POST until the last machine had a place. */
  readonly ms: number
  /** Of each machine, from its POST until the watch showed its place. */
  readonly placedMs: readonly number[]
  /** Of each machine, from its POST until the answer. */
  readonly acceptedMs: readonly number[]
  /** From the first POST until the watch showed all that was waited for. */
  readonly allMs: number
}

const LOST_MS = 120_000
const LOOK_MS = 1_000
const MACHINES = infoOf(VIRTUAL_MACHINE)

/** Lists all machines that there are: nothing that who creates one has to do, and long where there are many. */
export const newest = async (client: Client): Promise<string> =>
  (await client.objects.list(MACHINES, { labelSelector: `${MEASURED}=none` })).resourceVersion

/** Until all machines of that name run. */
export async function allRun(client: Client, name: string, machines: number): Promise<void> {
  const runs = ({ status }: VirtualMachine) => status?.phase === 'Running'
  for (let waited = 0; waited < LOST_MS; waited += LOOK_MS) {
    const { items } = await client.objects.list<VirtualMachine>(MACHINES, { labelSelector: `${MEASURED}=${name}` })
    if (items.filter(runs).length === machines) return
    await sleep(LOOK_MS)
  }
  throw new Error(`not all machines of ${name} run after ${LOST_MS / 1000} s`)
}

export async function place(client: Client, socket: string, ask: LoadAsk): Promise<LoadFigures> {
  const { kind, machines, clients, name, until, since } = ask
  const labelSelector = `${MEASURED}=${name}`
  const over = new AbortController()
  const began = performance.now()
  const posted = new Map<string, number>()
  const waiting = new Map<string, () => void>()
  const placedMs: number[] = []
  const acceptedMs: number[] = []
  let running = 0
  let lastRunning: () => void = () => undefined
  const runningAll = new Promise<void>((resolve) => {
    lastRunning = resolve
  })
  const seenRunning = new Set<string>()
  const follow = async () => {
    for await (const { object } of client.objects.watch<VirtualMachine>(MACHINES, { labelSelector }, since, {
      signal: over.signal,
    })) {
      const { name: machine } = object.metadata
      if (clusterStatusOf<ClusterVmStatus>(object).placement !== undefined) {
        waiting.get(machine)?.()
        waiting.delete(machine)
      }
      if (object.status?.phase !== 'Running' || seenRunning.has(machine)) continue
      seenRunning.add(machine)
      running += 1
      if (running === machines) lastRunning()
    }
  }
  const agent = new Agent({ connect: { socketPath: socket }, connections: clients })
  let next = 0
  const work = async () => {
    while (next < machines) {
      const number = next
      next += 1
      const machine = `${name}-${number}`
      const placed = new Promise<void>((resolve) => waiting.set(machine, resolve))
      const at = performance.now()
      posted.set(machine, at)
      await post(agent, JSON.stringify(draftOf(machine, number, kind, { [MEASURED]: name })))
      acceptedMs.push(performance.now() - at)
      await placed
      placedMs.push(performance.now() - at)
    }
  }
  const lost = setTimeout(
    () => over.abort(new Error(`${waiting.size} machines have no place after ${LOST_MS / 1000} s`)),
    LOST_MS + machines * 20,
  )
  const following = follow()
  // Its end is looked at below; nobody else may be listening when it fails.
  following.catch(() => undefined)
  try {
    const all = Promise.all(Array.from({ length: clients }, work))
    await Promise.race([all, following])
    const ms = performance.now() - began
    if (until === 'running') await Promise.race([runningAll, following])
    return { ms, placedMs, acceptedMs, allMs: performance.now() - began }
  } finally {
    clearTimeout(lost)
    over.abort(new Error('all is seen'))
    await following.catch(() => undefined)
    await agent.close()
  }
}

async function post(agent: Agent, body: string): Promise<void> {
  const { statusCode, body: answer } = await agent.request({
    origin: 'http://localhost',
    path: `/apis/${VM_API}/namespaces/${NAMESPACE}/virtualmachines`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  const text = await answer.text()
  if (statusCode !== 201) throw new Error(`${statusCode}: ${text}`)
}
