// What every host says to a machine, now and if. Agents are fakes (see test/support/fake-agents.ts).
import { expect, it } from 'vitest'
import { parseWhatIf } from '../../../../cli/commands/explain.ts'
import { explained } from '../../../../scheduler/placement/explain.ts'
import { VMS } from '../../../../schemas/resources.ts'
import { ClusterWorld, createVm, PATIENT, soon, vmOf } from './world.ts'

it('lists every host with its score or all its reasons, and changes nothing by a what-if', PATIENT, async () => {
  const cluster = new ClusterWorld()
  for (const [node, cpu] of [
    ['h1', 8],
    ['h2', 4],
    ['h3', 1],
  ] as const)
    await cluster.agent(node, { cpu })
  const world = await cluster.scheduler()
  const ready = () => world.hosting.placement.cluster.hosts.filter(({ facts }) => facts.notReady === null).length
  await soon(ready).toBe(3)
  const machine = await createVm(world, 'web', { cores: 2, runPolicy: 'AlwaysOff' })
  const ask = (question: object) => explained(question, 'default', world.hosting.explaining)
  const now = ask({ name: 'web' })
  expect(now.message).toBe('2/3 nodes can take it, the best one is h1')
  expect(now.hosts.map(({ node, verdict }) => `${node} ${verdict}`)).toEqual([
    'h1 Accepted',
    'h2 Accepted',
    'h3 Refused',
  ])
  expect(now.hosts[0]?.score).toBeGreaterThan(0)
  expect(now.hosts[2]?.reasons?.[0]).toMatch(/not enough cpu: needs 2 cores, 1 core of 1 core free/i)
  const without = ask({ machine, whatIf: { down: ['h1'], cordon: ['h2'] } })
  expect(without.message).toBe('0/3 nodes can take it')
  expect(without.hosts.map(({ reasons }) => reasons?.join())).toEqual([
    expect.stringMatching(/it is down \(what if\)/),
    expect.stringMatching(/cordoned/),
    expect.stringMatching(/cpu/i),
  ])
  expect(ask({ name: 'web' })).toEqual(now)
  expect(vmOf(world, 'web')?.status?.nodeName ?? '').toBe('')
  expect(() => ask({ name: 'nobody' })).toThrow(/not found/)
  expect(() => ask({})).toThrow(/give either the name/)
  expect(() => ask({ name: 'web', whatIf: { down: ['h9'] } })).toThrow(/nodes "h9" not found/)
})

it('tells where a running machine can move that its local disk keeps from a start elsewhere', PATIENT, async () => {
  const cluster = new ClusterWorld()
  for (const node of ['h1', 'h2', 'h3']) await cluster.agent(node, { cpu: node === 'h3' ? 1 : 8 })
  const world = await cluster.scheduler()
  await createVm(world, 'web', { cores: 2, spec: { nodeSelector: { 'kubernetes.io/hostname': 'h1' } } })
  await soon(() => vmOf(world, 'web')?.status?.phase).toBe('Running')
  await world.resources.modify(VMS, { namespace: 'default', name: 'web' }, (vm) => ({
    ...vm,
    spec: { ...(vm.spec as object), nodeSelector: {} },
  }))
  const ask = (question: object) => explained({ name: 'web', ...question }, 'default', world.hosting.explaining)
  await soon(() => ask({}).message).toBe('1/3 nodes can take it, the best one is h1, a live move can take it to h2')
  expect(ask({}).hosts.find(({ node }) => node === 'h2')?.reasons).toEqual(['the disk web-root lies on h1'])
  expect(ask({ whatIf: { down: ['h2'] } }).message).toBe('1/3 nodes can take it, the best one is h1')
})

it.each([
  [['h2 down'], { down: ['h2'] }],
  [['h2 down, h3 cordon'], { down: ['h2'], cordon: ['h3'] }],
  [['h1 down', 'h2 cordoned'], { down: ['h1'], cordon: ['h2'] }],
])('reads %j', (words, meant) => {
  expect(parseWhatIf(words)).toEqual(meant)
})

it('refuses words that mean nothing', PATIENT, () => {
  expect(() => parseWhatIf(['h2 gone'])).toThrow(/say "NODE down" or "NODE cordon"/)
})
