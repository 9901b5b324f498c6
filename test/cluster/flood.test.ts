// Ten thousand machines are created at once at a real scheduler with a real store; its hosts are stand-ins of agents, each reached over mutual
// TLS (test/bench/cluster). There is room for a part of them. None is lost, none is given twice, no host gets more than it has, every one of the
// others says why it waits, and people are answered meanwhile. How fast that goes is the bench's affair.
import { fileURLToPath } from 'node:url'
import { Agent } from 'undici'
import { expect, it } from 'vitest'
import { infoOf } from '../../scheduler/links/watched.ts'
import { type ClusterVmStatus, clusterStatusOf, VIRTUAL_MACHINE, type VirtualMachine } from '../../schemas/index.ts'
import { type Bed, metric, withBed } from '../bench/cluster/bed.ts'
import { CLASS, IMAGE, NAMESPACE, VM_API } from '../bench/cluster/objects.ts'
import { residentMiB } from '../bench/process.ts'
import { waitFor } from '../support/wait.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HOSTS = 25
const MACHINES = 10_000
/** Stand-ins have 64 cores, and a machine asks for a quarter of one. */
const PER_HOST = 256
/** POSTs under way. */
const CLIENTS = 200
/** Nobody waits for an answer in good order so long, however busy the machine is that runs the test. */
const ANSWER_MS = 30_000
const ALL_SECONDS = 240
const OVERLOAD_SECONDS = 120
/** Each machine is some 15 KiB of objects, and there is what is under way. */
const MEMORY_MIB = 1_024
const VMS_PATH = `/apis/${VM_API}/namespaces/${NAMESPACE}/virtualmachines`

const draft = (name: string) => ({
  apiVersion: VM_API,
  kind: 'VirtualMachine',
  metadata: { name, namespace: NAMESPACE },
  spec: {
    runPolicy: 'AlwaysOn',
    virtualMachineClassName: CLASS,
    cpu: { cores: 1, coreFraction: '25%' },
    memory: { size: '256Mi' },
    blockDeviceRefs: [{ kind: 'ClusterVirtualImage', name: IMAGE }],
  },
})

const placeOf = (vm: VirtualMachine) => clusterStatusOf<ClusterVmStatus>(vm).placement?.node
const waitsFor = (vm: VirtualMachine) =>
  vm.status?.conditions?.find(({ type, status }) => type === 'Running' && status === 'False')?.message ?? ''

/** Creates them all, as fast as they are taken. @returns uids by name, as they were answered */
async function createAll({ socket }: Bed): Promise<ReadonlyMap<string, string>> {
  const agent = new Agent({ connect: { socketPath: socket }, connections: CLIENTS })
  const made = new Map<string, string>()
  let next = 0
  const work = async () => {
    while (next < MACHINES) {
      const name = `vm-${next++}`
      const { statusCode, body } = await agent.request({
        origin: 'http://localhost',
        path: VMS_PATH,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(draft(name)),
        headersTimeout: 0,
        bodyTimeout: 0,
      })
      const answer = (await body.json()) as VirtualMachine
      expect(statusCode, JSON.stringify(answer)).toBe(201)
      made.set(name, answer.metadata.uid)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, work))
  await agent.close()
  return made
}

/** Asks what people ask, one after the other, until it is told to end. @returns how many were answered */
function askOn({ client }: Bed): { end(): Promise<number> } {
  let isOver = false
  const asking = (async () => {
    let answered = 0
    while (!isOver) {
      await client.transport.json({ path: '/api/v1/nodes/host-0', timeoutMs: ANSWER_MS })
      await client.transport.json({ path: VMS_PATH, query: { limit: '50' }, timeoutMs: ANSWER_MS })
      answered += 2
    }
    return answered
  })()
  asking.catch(() => undefined)
  return {
    end: () => {
      isOver = true
      return asking
    },
  }
}

const all = async ({ client }: Bed): Promise<readonly VirtualMachine[]> =>
  (await client.objects.list<VirtualMachine>(infoOf(VIRTUAL_MACHINE), { namespace: NAMESPACE })).items

async function theFlood(bed: Bed): Promise<void> {
  const people = askOn(bed)
  const made = await createAll(bed)
  expect(made.size).toBe(MACHINES)
  const room = HOSTS * PER_HOST
  await waitFor('all that there is room for run, the others wait for room', ALL_SECONDS, async () => {
    const running = (await bed.fleet({ ask: 'held' })).held ?? {}
    const given = Object.values(running).flat().length
    const [waiting = 0] = await metric(bed.client, 'berth_machines_waiting', 'reason="Cpu"')
    return given === room && waiting === MACHINES - room
  })
  await waitFor('everything is told', ALL_SECONDS, async () =>
    (await all(bed)).every((vm) => (placeOf(vm) === undefined ? waitsFor(vm) !== '' : vm.status?.phase === 'Running')),
  )
  expect(await people.end()).toBeGreaterThan(0)

  const stored = await all(bed)
  expect(new Map(stored.map(({ metadata }) => [metadata.name, metadata.uid]))).toEqual(made)
  const { held = {} } = await bed.fleet({ ask: 'held' })
  await waitFor('all hosts are ready', 60, async () => {
    const [ready] = await metric(bed.client, 'berth_hosts', 'state="ready"')
    return ready === HOSTS
  })
  for (const [host, uids] of Object.entries(held)) expect(uids.length, host).toBe(PER_HOST)
  const given = Object.entries(held).flatMap(([host, uids]) => uids.map((uid) => [uid, host] as const))
  expect(new Set(given.map(([uid]) => uid)).size, 'machines that two hosts have').toBe(given.length)
  const places = new Map(given)
  for (const vm of stored) {
    expect(placeOf(vm), vm.metadata.name).toBe(places.get(vm.metadata.uid))
    if (!places.has(vm.metadata.uid)) expect(waitsFor(vm)).toMatch(/^0\/25 nodes: 25 Insufficient cpu/i)
  }
  expect(residentMiB(bed.pid)).toBeLessThan(MEMORY_MIB)
}

/** More questions than it can answer: each looks at all machines and finds none, so that whoever asks has less to do than who answers. */
async function theOverload(bed: Bed): Promise<void> {
  let isOver = false
  const question = { path: VMS_PATH, query: { labelSelector: 'nobody=has' }, timeoutMs: 600_000 }
  const lister = async () => {
    while (!isOver) await bed.client.transport.bytes(question)
  }
  const listers = Promise.all(Array.from({ length: 16 }, lister))
  listers.catch(() => undefined)
  await waitFor('it says that it does not keep up', OVERLOAD_SECONDS, async () => {
    const [overloaded] = await metric(bed.client, 'berth_scheduler_overloaded')
    return overloaded === 1
  })
  await bed.client.transport.json({ path: '/api/v1/nodes/host-0', timeoutMs: ANSWER_MS })
  expect((await bed.client.transport.bytes({ path: '/readyz', timeoutMs: ANSWER_MS })).toString()).toBe('ok')
  isOver = true
  await listers
}

it('ten thousand machines at once: each has a host or a reason, and people are answered', async () => {
  await withBed({ root: ROOT, hosts: HOSTS, perHost: 0, pinned: false, say: () => undefined }, async (bed) => {
    await theFlood(bed)
    await theOverload(bed)
  })
}, 600_000)
