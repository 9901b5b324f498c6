// CPU classes over hosts: which can run a class, what they have in common, and what a class says of it.
import { describe, expect, it } from 'vitest'
import {
  classNodeProblem,
  commonFeatures,
  discoveryNodes,
  enabledFeatures,
} from '../../../../../lib/placement/class/cpu.ts'
import { planDiscovery } from '../../../../../scheduler/controllers/virtualmachineclass/discover.ts'
import { classStatus, MOST } from '../../../../../scheduler/controllers/virtualmachineclass/status.ts'
import {
  BOUND,
  carryingDiscovered,
  cpuDigest,
  DISCOVERED_CPU,
  type Discovery,
  discoveredOf,
  type Node,
  type VirtualMachineClass,
  withDiscovery,
} from '../../../../../schemas/index.ts'
import { metadata } from '../../../schemas/samples.ts'

const FEATURE = 'cpu-feature.node.virtualization.deckhouse.io'
const MODEL = 'cpu-model.node.virtualization.deckhouse.io'

function node(
  name: string,
  features: readonly string[],
  over: {
    readonly labels?: object
    readonly reason?: string
    readonly cpu?: number
    readonly accelerator?: 'kvm' | 'qemu'
    /** Null: it has not told. */
    readonly hostModel?: string | null
  } = {},
): Node {
  const { hostModel = features.join(' ') } = over
  const labels = Object.fromEntries(features.map((feature) => [`${FEATURE}/${feature}`, 'true']))
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: metadata(name, { labels: { ...labels, [`${MODEL}/Nehalem`]: 'true', ...over.labels } }),
    spec: {},
    status: {
      ...(hostModel === null ? {} : { berth: { cpu: { hostModel, accelerator: over.accelerator ?? 'kvm' } } }),
      allocatable: { cpu: over.cpu ?? 4, memory: '8Gi' },
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: over.reason ?? 'AgentReady',
          message: '',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    },
  } as Node
}
const aClass = (cpu: VirtualMachineClass['spec']['cpu'], more: object = {}): VirtualMachineClass => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha3',
  kind: 'VirtualMachineClass',
  metadata: metadata('c'),
  spec: { cpu, ...more },
})
const discovery = aClass({ type: 'Discovery' })
const REQUIRED = [{ name: 'sse', policy: 'require' }] as const
const foundClass = (enabled: readonly string[], nodes: Discovery['nodes'] = []): VirtualMachineClass => {
  const status = withDiscovery({ phase: 'Pending' }, { model: 'Common', features: REQUIRED, enabled, nodes })
  return { ...discovery, ...(status === undefined ? {} : { status }) }
}
const [h1, h2] = [node('h1', ['sse', 'avx', 'aes']), node('h2', ['sse', 'aes', 'svm'])]

describe('Discovery', () => {
  it('comes to what the hosts have in common', () => {
    expect(commonFeatures([h1, h2])).toEqual(['aes', 'sse'])
    expect(commonFeatures([])).toEqual([])
  })

  it('looks at the hosts that it means, and that have told of their CPU', () => {
    const zone = { labels: { zone: 'a' } }
    const nodes = [node('h1', ['sse'], zone), node('h2', ['sse']), node('h3', [], { ...zone, hostModel: null })]
    const of = (nodeSelector: object) => aClass({ type: 'Discovery', discovery: { nodeSelector } })
    const names = (vmClass: VirtualMachineClass) => discoveryNodes(vmClass, nodes).map((each) => each.metadata.name)
    expect(names(of({ matchLabels: { zone: 'a' } }))).toEqual(['h1'])
    expect(names(discovery)).toEqual(['h1', 'h2'])
  })

  it('goes with the class as an annotation, which means something on a copy alone', () => {
    const found = foundClass(['sse', 'aes'])
    expect(discoveredOf(found)).toMatchObject({ model: 'Common', enabled: ['sse', 'aes'] })
    expect(enabledFeatures(found)).toEqual(['sse', 'aes'])
    const asCopy = (vmClass: VirtualMachineClass): VirtualMachineClass => {
      const { status: _, ...sent } = carryingDiscovered(vmClass)
      const annotations = { ...sent.metadata.annotations, [BOUND]: sent.metadata.uid }
      return { ...sent, metadata: { ...sent.metadata, annotations } }
    }
    const copy = asCopy(found)
    expect(discoveredOf(copy)).toEqual({ model: 'Common', features: REQUIRED, enabled: ['sse', 'aes'] })
    expect(discoveredOf(discovery)).toBeNull()
    expect(discoveredOf(asCopy(discovery))).toBeNull()
    // On a class of another type it means nothing, and written by hand it goes nowhere.
    expect(discoveredOf({ ...found, spec: { cpu: { type: 'Host' } } })).toBeNull()
    const text = copy.metadata.annotations?.[DISCOVERED_CPU] ?? ''
    const marked = (annotation: string): VirtualMachineClass => ({
      ...discovery,
      metadata: { ...discovery.metadata, annotations: { [DISCOVERED_CPU]: annotation } },
    })
    expect(discoveredOf(marked(text))).toBeNull()
    expect(carryingDiscovered(marked(text)).metadata.annotations).toEqual({})
    for (const odd of ['', '{', '{"model":"<b>","features":[],"enabled":[]}', '{"model":"a"}'])
      expect(
        discoveredOf({
          ...copy,
          metadata: { ...copy.metadata, annotations: { [DISCOVERED_CPU]: odd, [BOUND]: copy.metadata.uid } },
        }),
      ).toBeNull()
  })

  describe('is made', () => {
    const made = (nodes: readonly Node[]): Discovery['nodes'] =>
      nodes.map((each) => ({
        name: each.metadata.name,
        cpu: cpuDigest((each.status as unknown as { berth: { cpu: { hostModel: string } } }).berth.cpu.hostModel),
      }))

    it('of every different CPU, by a host that knows the accelerator', () => {
      const h3 = node('h3', ['sse', 'avx', 'aes'])
      expect(planDiscovery(discovery, [h3, h2, h1], false)).toEqual({
        do: 'ask',
        ask: { accelerator: 'kvm', cpus: ['sse avx aes', 'sse aes svm'] },
        nodes: made([h1, h2, h3]),
        of: ['h1', 'h2', 'h3'],
      })
    })

    it('by emulation when one of the hosts emulates', () => {
      const slow = node('h3', ['sse'], { accelerator: 'qemu' })
      expect(planDiscovery(discovery, [h1, slow], false)).toMatchObject({ ask: { accelerator: 'qemu' }, of: ['h3'] })
    })

    it('not of hosts that have not told', () => {
      expect(planDiscovery(discovery, [node('h1', [], { hostModel: null })], false)).toMatchObject({ do: 'wait' })
      expect(planDiscovery(aClass({ type: 'Host' }), [h1], false)).toEqual({ do: 'skip' })
    })

    it('anew when hosts or their CPUs are others, unless machines count on it', () => {
      const found = foundClass(['sse'], made([h1, h2]))
      expect(planDiscovery(found, [h1, h2], false)).toEqual({ do: 'keep', since: '' })
      expect(planDiscovery(found, [h1], false)).toMatchObject({ do: 'ask', nodes: made([h1]) })
      const [other, h3] = [node('h2', ['sse']), node('h3', ['sse'])]
      expect(planDiscovery(found, [h1, other], false)).toMatchObject({ do: 'ask' })
      expect(planDiscovery(found, [other, h3], true)).toEqual({
        do: 'keep',
        since: 'h3 came since; h1 went since; the CPU of h2 is another one since',
      })
      // What there was is better than nothing.
      expect(planDiscovery(found, [], false)).toMatchObject({ do: 'keep' })
    })

    it('kept after a rebuild while machines count on it', () => {
      expect(planDiscovery(foundClass(['sse']), [h1], true)).toEqual({ do: 'keep', since: '' })
      expect(planDiscovery(foundClass(['sse']), [h1], false)).toMatchObject({ do: 'ask' })
    })
  })
})

describe('a host', () => {
  const found = foundClass(['sse', 'avx'])
  it.each([
    ['Host', aClass({ type: 'Host' }), h1, null],
    ['HostPassthrough with KVM', aClass({ type: 'HostPassthrough' }), h1, null],
    [
      'HostPassthrough, emulated',
      aClass({ type: 'HostPassthrough' }),
      node('h', [], { reason: 'AgentReadyEmulated' }),
      /needs KVM/,
    ],
    ['a model that it has', aClass({ type: 'Model', model: 'Nehalem' }), h1, null],
    [
      'a model that it has not',
      aClass({ type: 'Model', model: 'EPYC' }),
      h1,
      /the CPU model EPYC does not run on the host/,
    ],
    ['features that it has', aClass({ type: 'Features', features: ['sse'] }), h1, null],
    ['features that it lacks', aClass({ type: 'Features', features: ['sse', 'vmx'] }), h1, /lacks vmx/],
    ['a discovered CPU', found, h1, null],
    ['a discovered CPU that it lacks', found, h2, /lacks avx/],
    ['a CPU that is not found yet', discovery, h1, /not found yet/],
    [
      'labels that it lacks',
      aClass({ type: 'Host' }, { nodeSelector: { matchLabels: { a: 'b' } } }),
      h1,
      /nodeSelector/,
    ],
  ] as const)('%s', (_title, vmClass, host, words) => {
    const problem = classNodeProblem(vmClass, host)
    if (words === null) expect(problem).toBeNull()
    else expect(problem).toMatch(words)
  })
})

describe('the status of a class', () => {
  const status = (
    vmClass: VirtualMachineClass,
    nodes: readonly Node[],
    users: readonly string[] = [],
    problem: string | null = null,
  ) => {
    const usedBy = { count: users.length, first: users.slice(0, MOST) }
    return classStatus({ vmClass, before: vmClass.status, nodes, usedBy, problem, now: 0 })
  }
  const said = (type: string, { conditions = [] }: ReturnType<typeof status>) =>
    conditions.find((each) => each.type === type)

  it('has the hosts, the features and the most that a machine could have', () => {
    const found = foundClass(['sse'])
    const told = status(found, [h1, node('h2', ['sse', 'aes'], { cpu: 16 }), node('h3', [])], ['ns/web'])
    expect(told).toMatchObject({
      phase: 'Ready',
      availableNodes: ['h1', 'h2'],
      cpuFeatures: { enabled: ['sse'], notEnabledCommon: ['aes'] },
      maxAllocatableResources: { cpu: '16', memory: '8Gi' },
    })
    expect(said('Discovered', told)).toMatchObject({ status: 'True', reason: 'DiscoverySucceeded' })
    expect(said('InUse', told)).toMatchObject({ status: 'True', message: 'used by ns/web' })
  })

  it('says why no host can run it', () => {
    const told = status(aClass({ type: 'Model', model: 'EPYC' }), [h1, h2])
    expect(told).toMatchObject({ phase: 'Pending', availableNodes: [], maxAllocatableResources: {} })
    expect(said('Ready', told)?.message).toBe(
      'h1: the CPU model EPYC does not run on the host; h2: the CPU model EPYC does not run on the host',
    )
    expect(said('Ready', status(discovery, []))?.message).toBe('the cluster has no host')
  })

  it('says why nothing was found', () => {
    const words = (vmClass: VirtualMachineClass, problem: string | null) =>
      said('Discovered', status(vmClass, [h1], [], problem))
    expect(words(discovery, 'h1: libvirt: CPU vendors do not match')).toMatchObject({
      status: 'False',
      reason: 'DiscoveryFailed',
      message: 'h1: libvirt: CPU vendors do not match',
    })
    expect(words(foundClass(['sse']), 'h1: too late')).toMatchObject({
      status: 'True',
      message: 'Common, of hosts that are not known any more; a new one was not found: h1: too late',
    })
  })
})
