// CPU classes over hosts: which can run a class, what they have in common, and what a class says of it.
import { describe, expect, it } from 'vitest'
import {
  classNodeProblem,
  commonFeatures,
  discoveryNodes,
  enabledFeatures,
} from '../../../../../lib/placement/class/cpu.ts'
import { classStatus } from '../../../../../scheduler/controllers/virtualmachineclass/status.ts'
import {
  DISCOVERED_FEATURES,
  discoveredOf,
  type Node,
  type VirtualMachineClass,
  withDiscovered,
} from '../../../../../schemas/index.ts'
import { metadata } from '../../../schemas/samples.ts'

const FEATURE = 'cpu-feature.node.virtualization.deckhouse.io'
const MODEL = 'cpu-model.node.virtualization.deckhouse.io'

function node(
  name: string,
  features: readonly string[],
  over: { readonly labels?: object; readonly reason?: string; readonly cpu?: number } = {},
): Node {
  const labels = Object.fromEntries(features.map((feature) => [`${FEATURE}/${feature}`, 'true']))
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: metadata(name, { labels: { ...labels, [`${MODEL}/Nehalem`]: 'true', ...over.labels } }),
    spec: {},
    status: {
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
const [h1, h2] = [node('h1', ['sse', 'avx', 'aes']), node('h2', ['sse', 'aes', 'svm'])]

describe('Discovery', () => {
  it('comes to what the hosts have in common', () => {
    expect(commonFeatures([h1, h2])).toEqual(['aes', 'sse'])
    expect(commonFeatures([])).toEqual([])
  })

  it('looks at the hosts that it means, and that have told of their CPU', () => {
    const zone = { labels: { zone: 'a' } }
    const nodes = [node('h1', ['sse'], zone), node('h2', ['sse']), node('h3', [], zone)]
    const of = (nodeSelector: object) => aClass({ type: 'Discovery', discovery: { nodeSelector } })
    const names = (vmClass: VirtualMachineClass) => discoveryNodes(vmClass, nodes).map((each) => each.metadata.name)
    expect(names(of({ matchLabels: { zone: 'a' } }))).toEqual(['h1'])
    expect(names(discovery)).toEqual(['h1', 'h2'])
  })

  it('is found once, and goes with the class', () => {
    const found = withDiscovered(discovery, ['sse', 'aes'])
    expect(found.metadata.annotations?.[DISCOVERED_FEATURES]).toBe('aes,sse')
    expect(discoveredOf(found)).toEqual(['aes', 'sse'])
    expect(withDiscovered(found, ['avx'])).toBe(found)
    expect(enabledFeatures(found)).toEqual(['aes', 'sse'])
    expect(discoveredOf(discovery)).toBeNull()
    // On a class of another type the annotation means nothing.
    expect(discoveredOf({ ...found, spec: { cpu: { type: 'Host' } } })).toBeNull()
    const odd = { ...discovery, metadata: { ...discovery.metadata, annotations: { [DISCOVERED_FEATURES]: 'a,<b>,' } } }
    expect(discoveredOf(odd)).toEqual(['a'])
  })
})

describe('a host', () => {
  const found = withDiscovered(discovery, ['sse', 'avx'])
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
    ['a model that it has not', aClass({ type: 'Model', model: 'EPYC' }), h1, /the CPU model EPYC does not run there/],
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
  const status = (vmClass: VirtualMachineClass, nodes: readonly Node[], usedBy: readonly string[] = []) =>
    classStatus({ vmClass, before: undefined, nodes, usedBy, now: 0 })
  const said = (type: string, { conditions = [] }: ReturnType<typeof status>) =>
    conditions.find((each) => each.type === type)

  it('has the hosts, the features and the most that a machine could have', () => {
    const found = withDiscovered(discovery, ['sse'])
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
      'h1: the CPU model EPYC does not run there; h2: the CPU model EPYC does not run there',
    )
    expect(said('Ready', status(discovery, []))?.message).toBe('the cluster has no host')
  })

  it('says why nothing was found', () => {
    expect(said('Discovered', status(discovery, []))).toMatchObject({
      reason: 'DiscoveryFailed',
      message: expect.stringMatching(/no host has the labels/),
    })
    expect(said('Discovered', status(discovery, [node('a', ['x']), node('b', ['y'])]))?.message).toBe(
      'the hosts a, b have no CPU feature in common',
    )
  })
})
