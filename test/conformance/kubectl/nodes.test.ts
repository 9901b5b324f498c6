// Nodes with kubectl, while the agent's own controller keeps them: what an operator sets survives what the agent finds.
import { beforeAll, expect, it } from 'vitest'
import { NodeReconciler } from '../../../agent/controllers/node/controller.ts'
import { NOTHING_NOW, type NodeFacts } from '../../../agent/host/index.ts'
import { systemClock } from '../../../lib/clock.ts'
import type { Node } from '../../../schemas/index.ts'
import { withKubectls } from './kubectl.ts'
import { inFull } from './programs.ts'

/** A host that reports more memory with each look, so that each look writes. */
const factsOf = (nodeName: string, look: number): NodeFacts => ({
  nodeName,
  berthVersion: '0.1.0',
  identity: {
    bootId: 'b',
    machineId: 'm',
    systemUuid: 'u',
    kernelVersion: '6.1.0',
    osImage: 'Debian GNU/Linux 12 (bookworm)',
    cores: 8,
    memoryBytes: BigInt(16 + look) * 1024n ** 3n,
  },
  accelerator: { use: 'kvm', message: 'KVM runs guest code.' },
  cpuFeatures: [],
  checks: [{ id: 'libvirt', title: 'libvirt', condition: 'LibvirtAvailable', status: 'ok', message: 'libvirt 9.0.0.' }],
  addresses: ['192.0.2.7'],
  cpuOvercommit: 2,
})

withKubectls(inFull(), (world) => {
  let look = 0
  const name = () => `host-${world.kubectl.namespace}`
  /** What the agent does hourly and after each change. */
  const agentLooks = async () => {
    const { resources } = world.server.server
    const current = await resources.get<Node>('nodes', { namespace: '', name: name() })
    const reader = { get: () => current, list: () => [], byIndex: () => [], onChange: () => () => {} }
    look++
    const facts = factsOf(name(), look)
    const reconciler = new NodeReconciler({
      reader: reader as never,
      resources,
      clock: systemClock,
      nodeName: name(),
      present: async () => NOTHING_NOW,
      facts: async () => facts,
    })
    await reconciler.reconcile(`/${name()}`, AbortSignal.timeout(10_000))
  }
  const node = async () => (await world.kubectl.object('node', name())) as unknown as Node
  beforeAll(async () => {
    await agentLooks()
    await agentLooks()
  })

  it('shows the host', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(['get', 'nodes', '-o', 'wide'])).toMatch(
      /NAME\s+STATUS\s+ROLES[\s\S]*Ready\s+worker[\s\S]*192\.0\.2\.7/,
    )
    expect(await kubectl.ok(['describe', 'node', name()])).toMatch(/Debian GNU\/Linux 12/)
  })

  it('is cordoned and uncordoned', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(['cordon', name()])).toContain('cordoned')
    await agentLooks()
    expect((await node()).spec).toMatchObject({ unschedulable: true })
    const selected = await kubectl.ok(['get', 'node', '--field-selector', 'spec.unschedulable=true', '-o', 'name'])
    expect(selected.split('\n')).toContain(`node/${name()}`)
    expect(await kubectl.ok(['cordon', name()])).toContain('already cordoned')
    expect(await kubectl.ok(['uncordon', name()])).toContain('uncordoned')
    await agentLooks()
    expect((await node()).spec?.unschedulable ?? false).toBe(false)
  })

  it('is tainted and untainted', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(['taint', 'node', name(), 'a=1:NoSchedule', 'b=2:NoExecute'])).toContain('tainted')
    await agentLooks()
    const taints = (await node()).spec?.taints?.map(({ key, effect }) => `${key}:${effect}`).sort()
    expect(taints).toEqual(['a:NoSchedule', 'b:NoExecute'])
    expect(await kubectl.fails(['taint', 'node', name(), 'a=2:NoSchedule'])).toContain('already has')
    await kubectl.ok(['taint', 'node', name(), 'a-', 'b:NoExecute-'])
    expect((await node()).spec?.taints ?? []).toEqual([])
  })

  it("keeps an operator's labels beside the agent's", async () => {
    const { kubectl } = world
    await kubectl.ok(['label', 'node', name(), 'rack=7'])
    await kubectl.ok(['label', 'node', name(), 'kubernetes.io/hostname-'])
    await agentLooks()
    expect((await node()).metadata.labels).toMatchObject({ rack: '7', 'kubernetes.io/hostname': name() })
    const config = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: name(), labels: { row: '3' } },
      spec: { unschedulable: true },
    })
    await kubectl.ok(['apply', '--server-side', '-f', '-'], config)
    await agentLooks()
    const applied = await node()
    expect([applied.metadata.labels?.row, applied.spec?.unschedulable]).toEqual(['3', true])
  })

  it('says who writes what', async () => {
    const { managedFields } = (await world.kubectl.object('node', name())).metadata
    const who = (managedFields ?? []).map(({ manager, operation }) => `${manager} ${operation}`)
    expect(who).toEqual(expect.arrayContaining(['kubectl Apply', 'kubectl-label Update', 'berth Update']))
  })

  it('is cordoned by drain, which then says what empties a host', async () => {
    const { kubectl } = world
    await kubectl.ok(['uncordon', name()])
    const said = await kubectl.fails(['drain', name(), '--ignore-daemonsets', '--timeout=20s'])
    expect(said).toContain('"berth stop" each machine on it')
    expect((await node()).spec?.unschedulable).toBe(true)
  })
})
