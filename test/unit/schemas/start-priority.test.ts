import { expect, it } from 'vitest'
import { startPriority, startPriorityErrors } from '../../../schemas/virtualmachine/start-priority.ts'
import { aVm } from '../../support/objects.ts'

const withPriority = (value?: string) => {
  const vm = aVm()
  if (value === undefined) return vm
  return { ...vm, metadata: { ...vm.metadata, annotations: { 'berth/start-priority': value } } }
}

it.each([
  [undefined, 0],
  ['0', 0],
  ['-1000', -1000],
  ['1000', 1000],
  ['7', 7],
])('%s is the priority %d', (value, priority) => {
  expect(startPriority(withPriority(value))).toBe(priority)
  expect(startPriorityErrors(withPriority(value))).toEqual([])
})

it.each(['', 'high', '1001', '-1001', '1.5', '1e3', ' 1', '99999999999999999999'])(
  '"%s" is none, and said to be so',
  (value) => {
    expect(startPriority(withPriority(value))).toBe(0)
    expect(startPriorityErrors(withPriority(value))).toMatchObject([
      { path: 'metadata.annotations[berth/start-priority]', message: expect.stringContaining('whole number') },
    ])
  },
)
