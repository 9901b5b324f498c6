// The verbs that move machines: what is asked of the server, and how its answer reads. No controller is here.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KubeObject } from '../../../lib/object.ts'
import type { Node, VirtualMachine } from '../../../schemas/index.ts'
import { type Bench, startBench, VM } from './harness.ts'

const VMS = 'virtualmachines.virtualization.deckhouse.io'
const VMOPS = 'virtualmachineoperations.virtualization.deckhouse.io'
const at = { namespace: 'default', name: 'web' }
let bench: Bench

beforeAll(async () => {
  bench = await startBench()
  const { resources } = bench.server
  await resources.create<Node>('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'h2' } })
  await resources.create(VMS, { ...VM('web'), metadata: at })
})
afterAll(() => bench.stop())

const node = () => bench.server.resources.get<Node>('nodes', { namespace: '', name: 'h2' })

it('migrate makes an operation with the target, options and force that were asked for', async () => {
  const going = bench.begin(['migrate', 'vm', 'web', '--to', 'h2', '--no-force', '--post-copy', '--bandwidth', '100Mi'])
  await expect.poll(() => going.out(), { timeout: 8_000 }).toContain('created')
  const { items } = JSON.parse((await bench.berth(['get', 'vmop', '-o', 'json'])).out) as {
    readonly items: KubeObject[]
  }
  expect(items).toMatchObject([
    {
      metadata: { annotations: { 'berth/migration-post-copy': 'true', 'berth/migration-bandwidth': '100Mi' } },
      spec: {
        type: 'Migrate',
        virtualMachineName: 'web',
        force: false,
        migrate: { nodeSelector: { 'kubernetes.io/hostname': 'h2' } },
      },
    },
  ])
  going.interrupt()
  await going.ended
})

it('migrate refuses a host that is not there, and a kind that is none', async () => {
  expect(await bench.berth(['migrate', 'vm', 'web', '--to', 'h9'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('h9'),
  })
  expect((await bench.berth(['migrate', 'node', 'web'])).code).toBe(2)
})

it('migrate resolve decides a move that is under way, and only that', async () => {
  const resolve = () => bench.berth(['migrate', 'resolve', 'vm', 'web', '--keep', 'target'])
  expect(await resolve()).toMatchObject({ code: 1, err: expect.stringContaining('no move whose outcome is unknown') })
  await bench.server.resources.create(VMOPS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachineOperation',
    metadata: { namespace: 'default', name: 'move' },
    spec: { type: 'Migrate', virtualMachineName: 'web' },
  })
  const vm = await bench.server.resources.get<VirtualMachine>(VMS, at)
  const moving = (more: object) =>
    bench.server.resources.modifyStatus(VMS, { ...at, uid: vm?.metadata.uid ?? '' }, () => ({
      berth: { migration: { operation: 'move', from: 'h1', to: 'h2', ...more } },
    }))
  await moving({ phase: 'Committed', options: {} })
  expect(await resolve()).toMatchObject({ code: 1, err: expect.stringContaining('the last one is Committed') })
  await moving({ phase: 'Committed', options: { postCopy: true } })
  expect(await resolve()).toMatchObject({ code: 0 })
  await moving({ phase: 'Transferring' })
  expect(await resolve()).toMatchObject({ code: 0, out: 'web: its copy on h2 goes on, the one on h1 is given up\n' })
  const operation = await bench.server.resources.get(VMOPS, { namespace: 'default', name: 'move' })
  expect(operation?.metadata.annotations).toEqual({ 'berth/migration-resolution': 'target' })
})

it('cordon, drain and uncordon write what they say', async () => {
  expect((await bench.berth(['cordon', 'h2'])).out).toBe('node/h2 cordoned\n')
  expect((await node())?.spec).toEqual({ unschedulable: true })
  expect((await bench.berth(['drain', 'h2'])).out).toBe('node/h2 cordoned and being drained\n')
  expect((await node())?.metadata.annotations).toEqual({ 'berth/drain': 'requested' })
  expect((await bench.berth(['uncordon', 'h2'])).out).toBe('node/h2 uncordoned\n')
  expect(await node()).toMatchObject({ metadata: { name: 'h2' } })
  expect((await node())?.spec?.unschedulable ?? false).toBe(false)
  expect((await node())?.metadata.annotations ?? {}).toEqual({})
})

it.each([
  ['drain', 'h2', '--dry-run'],
  ['rebalance', '--dry-run'],
])('%s of a lone host says who can tell', async (...args) => {
  expect(await bench.berth(args)).toMatchObject({ code: 1, err: expect.stringContaining('ask a scheduler') })
})
