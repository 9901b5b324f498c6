// One tenant fills a host with thousands of objects, hundreds of virtual machines that can't start and fifty imports; another one's
// machine, disk and questions have their turn, and the agent's memory stays where it was. Real guests in great numbers are the bench's
// (docs/performance.md): what counts here is order and bounds, which no noise of a machine can change.
import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { KubeObject } from '../../../lib/object.ts'
import type { VirtualDisk } from '../../../schemas/index.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

const OBJECTS = 4_750
const MACHINES = 200
const IMPORTS = 50
/** Imports at a time, by default. */
const SLOTS = 2
/** Requests of the tenant under way at a time. */
const WIDTH = 32

let lab: Lab
let quiet: Space
let flood: Space

beforeAll(async () => {
  lab = await sharedLab()
  quiet = await Space.make(lab, 'load-quiet')
  flood = await Space.make(lab, 'load-flood')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await Promise.all([quiet.remove(), flood.remove()])
  await lab.close()
})

const V1ALPHA2 = 'virtualization.deckhouse.io/v1alpha2'

async function many(count: number, make: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await make(next++)
  }
  await Promise.all(Array.from({ length: WIDTH }, worker))
}

const download = (space: Space, name: string, url: string) =>
  space.create({
    apiVersion: V1ALPHA2,
    kind: 'VirtualDisk',
    metadata: { name },
    spec: { dataSource: { type: 'HTTP', http: { url } } },
  })

const residentMiB = async (pid: number): Promise<number> =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

it("a tenant's flood keeps no other tenant from its turn", async () => {
  const pid = await lab.host.agentPid()
  // Downloads that last until the test lets them go.
  const asked: string[] = []
  const held: ServerResponse[] = []
  const hold = (name: string) =>
    lab.served.with(name, (_request, response) => {
      asked.push(name)
      held.push(response)
    })
  await many(IMPORTS, (index) => download(flood, `import-${index}`, hold(`held-${index}`)))
  await waitFor('downloads in all slots', 30, async () => asked.length >= SLOTS)
  await download(quiet, 'mine', hold('mine'))
  const waiting = await quiet.until<VirtualDisk>(
    'VirtualDisk',
    'mine',
    (disk) => /\d/.test(condition(disk, 'Ready').message),
    60,
  )
  // Those that run, and one of the other tenant's at most: not the forty-eight that were there first.
  const ahead = Number(/\d+/.exec(condition(waiting, 'Ready').message)?.[0])
  expect(ahead).toBeLessThanOrEqual(SLOTS + 1)

  const padding = 'x'.repeat(500)
  await many(OBJECTS, (index) =>
    flood.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `many-${index}` }, data: { padding } }),
  )
  await many(MACHINES, (index) =>
    flood.vm(`vm-${index}`, { blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'import-49' }] }),
  )
  await quiet.bareVm('one')
  await quiet.untilPhase('one', 'Running')

  // Whoever lists them all gets them all, and nobody waits for that.
  const [all, one] = await Promise.all([flood.list<KubeObject>('ConfigMap'), quiet.get('VirtualMachine', 'one')])
  expect(all.length).toBeGreaterThanOrEqual(OBJECTS)
  expect(one.metadata.name).toBe('one')

  // The next free slots: one is the quiet tenant's.
  for (let freed = 0; !asked.includes('mine'); freed++) {
    expect(freed).toBeLessThanOrEqual(SLOTS)
    const before = asked.length
    held.shift()?.writeHead(404).end()
    await waitFor('the next download', 30, async () => asked.length > before)
  }
  expect(asked.length).toBeLessThanOrEqual(2 * SLOTS + 1)

  await waitFor('a look at every machine', 120, async () => {
    const seen = await flood.list<KubeObject>('VirtualMachine')
    return seen.length === MACHINES && seen.every((vm) => condition(vm, 'Running').status === 'False')
  })
  expect(await lab.host.agentPid()).toBe(pid)
  expect(await lab.host.readiness()).toBe('ok')
  await quiet.untilNode('Overloaded', 'False')
  expect(await residentMiB(pid)).toBeLessThan(260)
  for (const response of held) response.writeHead(404).end()
})
