import { expect, it } from 'vitest'
import { PRIORITY_CLASS, type PriorityClass } from '../../../../schemas/index.ts'
import { nameIsForUsers, valueIsForUsers, valueIsImmutable } from '../../../../schemas/priorityclass/rules.ts'
import { admit } from '../../../support/validate.ts'
import { checkRules } from '../expect.ts'
import { metadata } from '../samples.ts'

const pc = (fields: Partial<PriorityClass> = {}, name = 'high'): PriorityClass => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: metadata(name),
  value: 1000,
  ...fields,
})

checkRules<PriorityClass>([
  {
    rule: valueIsForUsers,
    good: [[pc()], [pc({ value: 1_000_000_000 })], [pc({ value: -7 })]],
    bad: [[pc({ value: 1_000_000_001 }), 'value', /the greatest value is 1000000000/]],
  },
  { rule: nameIsForUsers, good: [[pc()]], bad: [[pc({}, 'system-x'), 'metadata.name', /reserved/]] },
  {
    rule: valueIsImmutable,
    good: [[pc()], [pc({ description: 'new', globalDefault: true }), pc()]],
    bad: [
      [pc({ value: 1 }), 'value', /immutable/, pc()],
      [pc({ preemptionPolicy: 'Never' }), 'preemptionPolicy', /immutable/, pc()],
    ],
  },
])

it('gets defaults', () => {
  expect(admit(PRIORITY_CLASS, pc())).toMatchObject({
    errors: [],
    object: { preemptionPolicy: 'PreemptLowerPriority' },
  })
  const { value: _, ...without } = pc()
  expect(admit(PRIORITY_CLASS, without as PriorityClass)).toMatchObject({
    errors: [],
    object: { value: 0, globalDefault: false },
  })
})
