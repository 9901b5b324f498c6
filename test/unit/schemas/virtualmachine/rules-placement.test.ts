import type { VirtualMachine } from '../../../../schemas/index.ts'
import {
  nodeAffinityIsValid,
  spreadIsValid,
  tolerationsAreValid,
  virtualMachineAffinityIsValid,
} from '../../../../schemas/virtualmachine/rules-placement.ts'
import { checkRules } from '../expect.ts'
import { virtualMachine as vm } from '../samples.ts'

type Affinity = NonNullable<VirtualMachine['spec']['affinity']>
type Term = NonNullable<
  NonNullable<Affinity['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'][number]

const REQUIRED = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
const terms = (...nodeSelectorTerms: Term[]) =>
  vm({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } })
const line = (operator: string, ...values: string[]) => terms({ matchExpressions: [{ key: 'a', operator, values }] })

const near = (
  term: NonNullable<
    NonNullable<Affinity['virtualMachineAndPodAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
  >[number],
) => vm({ affinity: { virtualMachineAndPodAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } })
const NEAR = 'spec.affinity.virtualMachineAndPodAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]'

const spread = (maxSkew: number, topologyKey: string, whenUnsatisfiable: string) =>
  vm({ topologySpreadConstraints: [{ maxSkew, topologyKey, whenUnsatisfiable }] })
const SPREAD = 'spec.topologySpreadConstraints[0]'

const tolerates = (toleration: NonNullable<VirtualMachine['spec']['tolerations']>[number]) =>
  vm({ tolerations: [toleration] })

checkRules([
  {
    rule: nodeAffinityIsValid,
    good: [
      [vm()],
      [line('In', 'x')],
      [line('NotIn', 'x', 'y')],
      [line('Exists')],
      [line('DoesNotExist')],
      [line('Gt', '5')],
      [line('Lt', '-5')],
      [terms({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['h1'] }] })],
    ],
    bad: [
      [terms(), REQUIRED, /at least one/],
      [line('Foo', 'x'), `${REQUIRED}[0].matchExpressions[0].operator`, /"Foo" is not one of In,/],
      [line('In'), `${REQUIRED}[0].matchExpressions[0].values`, /at least one value/],
      [line('Exists', 'x'), `${REQUIRED}[0].matchExpressions[0].values`, /takes no values/],
      [line('Gt', 'x'), `${REQUIRED}[0].matchExpressions[0].values`, /exactly one whole number/],
      [line('Gt', '1', '2'), `${REQUIRED}[0].matchExpressions[0].values`, /exactly one whole number/],
      [
        terms({ matchExpressions: [{ key: '', operator: 'Exists' }] }),
        `${REQUIRED}[0].matchExpressions[0].key`,
        /label key is required/,
      ],
      [
        terms({ matchFields: [{ key: 'spec.x', operator: 'In', values: ['a'] }] }),
        `${REQUIRED}[0].matchFields[0].key`,
        /only metadata.name/,
      ],
      [
        terms({ matchFields: [{ key: 'metadata.name', operator: 'Exists' }] }),
        `${REQUIRED}[0].matchFields[0].operator`,
        /not one of In, NotIn/,
      ],
      [
        terms({ matchFields: [{ key: 'metadata.name', operator: 'In', values: [] }] }),
        `${REQUIRED}[0].matchFields[0].values`,
        /exactly one name/,
      ],
    ],
  },
  {
    rule: virtualMachineAffinityIsValid,
    good: [[vm()], [near({ topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } } })]],
    bad: [
      [near({ topologyKey: '' }), `${NEAR}.topologyKey`, /required/],
      [
        near({ topologyKey: 'z', labelSelector: { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] } }),
        `${NEAR}.labelSelector.matchExpressions[0].operator`,
        /"Gt" is not one of/,
      ],
      [
        near({ topologyKey: 'z', namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }),
        `${NEAR}.namespaceSelector.matchExpressions[0].values`,
        /at least one value/,
      ],
    ],
  },
  {
    rule: spreadIsValid,
    good: [[vm()], [spread(1, 'zone', 'DoNotSchedule')], [spread(3, 'zone', 'ScheduleAnyway')]],
    bad: [
      [spread(0, 'zone', 'DoNotSchedule'), `${SPREAD}.maxSkew`, /greater than 0/],
      [spread(1, '', 'DoNotSchedule'), `${SPREAD}.topologyKey`, /required/],
      [spread(1, 'zone', 'Never'), `${SPREAD}.whenUnsatisfiable`, /"Never" is not one of/],
    ],
  },
  {
    rule: tolerationsAreValid,
    good: [
      [vm()],
      [tolerates({ operator: 'Exists' })],
      [tolerates({ key: 'a', value: 'b', effect: 'NoSchedule' })],
      [tolerates({ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 })],
    ],
    bad: [
      [tolerates({}), 'spec.tolerations[0].operator', /must be Exists/],
      [tolerates({ key: 'a', operator: 'Foo' }), 'spec.tolerations[0].operator', /"Foo" is not one of/],
      [tolerates({ key: 'a', operator: 'Exists', value: 'b' }), 'spec.tolerations[0].value', /must be empty/],
      [tolerates({ key: 'a', effect: 'Never' }), 'spec.tolerations[0].effect', /"Never" is not one of/],
      [tolerates({ key: 'a', tolerationSeconds: 5 }), 'spec.tolerations[0].effect', /must be NoExecute/],
    ],
  },
])
