import type { SizingPolicy, VirtualMachineClass } from '../../../../schemas/index.ts'
import {
  autoCoreFractionIsBuilt,
  coresMaximumExceedsMinimum,
  coresMaximumExceedsStep,
  cpuIsImmutable,
  discoveryTakesOnlyDiscovery,
  featuresTakeOnlyFeatures,
  hostTakesNoDetails,
  memoryRangesAreValid,
  modelTakesOnlyModel,
  placementIsValid,
  policiesAreContiguous,
} from '../../../../schemas/virtualmachineclass/rules.ts'
import { checkRules } from '../expect.ts'
import { virtualMachineClass } from '../samples.ts'

type Cpu = VirtualMachineClass['spec']['cpu']

const cpu = (of: Cpu) => virtualMachineClass({ cpu: of })
const policies = (...sizingPolicies: SizingPolicy[]) => virtualMachineClass({ sizingPolicies })
const rows = (...ranges: (readonly [min: number, max: number, step?: number])[]) =>
  policies(...ranges.map(([min, max, step]) => ({ cores: { min, max, ...(step !== undefined && { step }) } })))
const memory = (of: NonNullable<SizingPolicy['memory']>) => policies({ cores: { min: 1, max: 4 }, memory: of })

const model = 'Nehalem'
const features = ['vmx']
const discovery = {}
const ROW = 'spec.sizingPolicies[0]'

checkRules<VirtualMachineClass>([
  {
    rule: cpuIsImmutable,
    good: [[cpu({ type: 'Host' })], [cpu({ type: 'Host' }), cpu({ type: 'Host' })]],
    bad: [[cpu({ type: 'Host' }), 'spec.cpu', /immutable/, cpu({ type: 'HostPassthrough' })]],
  },
  {
    rule: hostTakesNoDetails,
    good: [[cpu({ type: 'Host' })], [cpu({ type: 'HostPassthrough' })], [cpu({ type: 'Model', model })]],
    bad: (['Host', 'HostPassthrough'] as const).flatMap((type) => [
      [cpu({ type, model }), 'spec.cpu.model', /cannot have the field model/] as const,
      [cpu({ type, features }), 'spec.cpu.features', /cannot have/] as const,
      [cpu({ type, discovery }), 'spec.cpu.discovery', /cannot have/] as const,
    ]),
  },
  {
    rule: discoveryTakesOnlyDiscovery,
    good: [[cpu({ type: 'Discovery' })], [cpu({ type: 'Discovery', discovery })], [cpu({ type: 'Model', model })]],
    bad: [
      [cpu({ type: 'Discovery', model }), 'spec.cpu.model', /cannot have/],
      [cpu({ type: 'Discovery', features }), 'spec.cpu.features', /cannot have/],
    ],
  },
  {
    rule: modelTakesOnlyModel,
    good: [[cpu({ type: 'Model', model })], [cpu({ type: 'Host' })]],
    bad: [
      [cpu({ type: 'Model' }), 'spec.cpu.model', /requires the field model/],
      [cpu({ type: 'Model', model, features }), 'spec.cpu.features', /cannot have/],
      [cpu({ type: 'Model', model, discovery }), 'spec.cpu.discovery', /cannot have/],
    ],
  },
  {
    rule: featuresTakeOnlyFeatures,
    good: [[cpu({ type: 'Features', features })], [cpu({ type: 'Host' })]],
    bad: [
      [cpu({ type: 'Features' }), 'spec.cpu.features', /requires the field features/],
      [cpu({ type: 'Features', features, model }), 'spec.cpu.model', /cannot have/],
      [cpu({ type: 'Features', features, discovery }), 'spec.cpu.discovery', /cannot have/],
    ],
  },
  {
    rule: coresMaximumExceedsMinimum,
    good: [[rows()], [rows([1, 2])]],
    bad: [
      [rows([2, 2]), `${ROW}.cores.max`, /greater than the minimum/],
      [rows([3, 2]), `${ROW}.cores.max`, /greater than the minimum/],
    ],
  },
  {
    rule: coresMaximumExceedsStep,
    good: [[rows([1, 4])], [rows([1, 4, 3])]],
    bad: [[rows([1, 4, 4]), `${ROW}.cores.max`, /greater than the step/]],
  },
  {
    rule: policiesAreContiguous,
    good: [[rows()], [rows([1, 4])], [rows([5, 8], [1, 4], [9, 1024])]],
    bad: [
      [rows([1, 4], [4, 8]), 'spec.sizingPolicies[1].cores.min', /4-8 overlaps with the range 1-4/],
      [rows([6, 8], [1, 4]), `${ROW}.cores.min`, /6-8 leaves a gap after the range 1-4/],
    ],
  },
  {
    rule: memoryRangesAreValid,
    good: [[rows([1, 4])], [memory({ min: '1Gi', max: '8Gi', step: '512Mi', perCore: { min: '1Gi', max: '2Gi' } })]],
    bad: [
      [memory({ min: '2Gi', max: '1Gi' }), `${ROW}.memory.max`, /1Gi is less than the minimum 2Gi/],
      [memory({ max: '1GB' }), `${ROW}.memory.max`, /unknown unit/],
      [memory({ perCore: { min: '2Gi', max: '1Gi' } }), `${ROW}.memory.perCore.max`, /less than the minimum/],
      [memory({ step: '0' }), `${ROW}.memory.step`, /greater than 0/],
      [memory({ step: 'x' }), `${ROW}.memory.step`, /begin with a number/],
    ],
  },
  {
    rule: placementIsValid,
    good: [
      [
        virtualMachineClass({
          nodeSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] },
          tolerations: [{ operator: 'Exists' }],
        }),
      ],
    ],
    bad: [
      [
        virtualMachineClass({ nodeSelector: { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] } }),
        'spec.nodeSelector.matchExpressions[0].operator',
        /"Gt" is not one of/,
      ],
      [virtualMachineClass({ tolerations: [{}] }), 'spec.tolerations[0].operator', /must be Exists/],
    ],
  },
  {
    rule: autoCoreFractionIsBuilt,
    good: [[policies({ cores: { min: 1, max: 4 }, defaultCoreFraction: '50%' })]],
    bad: [
      [
        policies({ cores: { min: 1, max: 4 }, defaultCoreFraction: 'Auto' }),
        `${ROW}.defaultCoreFraction`,
        /is not built yet in Berth$/,
      ],
    ],
  },
])
