// Which priority a machine has, and what the API refuses of classes and of those who name them.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { defaultPriorityClass, priorityOf } from '../../../../lib/placement/priority.ts'
import { oneDefaultPriority, priorityClassExists } from '../../../../lib/placement/priority-admission.ts'
import { Cache } from '../../../../lib/reconcile/cache.ts'
import { KINDS, type PriorityClass } from '../../../../schemas/index.ts'
import { PRIORITY_CLASSES, VMS } from '../../../../schemas/resources.ts'
import { startPriority } from '../../../../schemas/virtualmachine/start-priority.ts'
import { aVm } from '../../../support/objects.ts'
import { startServer, type TestServer } from '../apiserver/server.ts'

const pc = (name: string, value: number, more: Partial<PriorityClass> = {}): PriorityClass => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name } as PriorityClass['metadata'],
  value,
  ...more,
})
const named = (priorityClassName?: string) => ({
  spec: { ...aVm().spec, ...(priorityClassName ? { priorityClassName } : {}) },
})

it('is that of the class, of the default, or none', () => {
  const classes = [pc('high', 1000, { preemptionPolicy: 'Never' }), pc('usual', 10, { globalDefault: true })]
  expect(priorityOf(named('high'), classes)).toEqual({ value: 1000, preempts: false })
  expect(priorityOf(named(), classes)).toEqual({ value: 10, preempts: true })
  expect(priorityOf(named('gone'), classes)).toEqual({ value: 0, preempts: true })
  expect(priorityOf(named(), [])).toEqual({ value: 0, preempts: true })
  expect(defaultPriorityClass([pc('a', 9, { globalDefault: true }), pc('b', 3, { globalDefault: true })])?.value).toBe(
    3,
  )
})

it('decides who starts first where the annotation does not', () => {
  const { metadata } = aVm()
  expect(startPriority({ metadata }, 500)).toBe(500)
  expect(startPriority({ metadata: { ...metadata, annotations: { 'berth/start-priority': '-3' } } }, 500)).toBe(-3)
})

let api: TestServer
let reader: Cache
beforeEach(async () => {
  api = await startServer({
    kinds: KINDS,
    wrapStore: (store) => {
      reader = new Cache({ store, resources: [PRIORITY_CLASSES], indexes: {} })
      return store
    },
    admission: [priorityClassExists, (request) => oneDefaultPriority(reader)(request)],
  })
  await reader.start()
})
afterEach(async () => {
  reader.stop()
  await api.stop()
})

const { apiVersion, kind, spec } = aVm()
const vm = (name: string, priorityClassName?: string) => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'default' },
  spec: { ...spec, ...(priorityClassName ? { priorityClassName } : {}) },
})

it('takes a machine whose class there is, and refuses one whose class there is not', async () => {
  const { resources } = api.server
  await resources.create(PRIORITY_CLASSES, pc('high', 5))
  await expect(resources.create(VMS, vm('a', 'higher'))).rejects.toThrow(
    'spec.priorityClassName: there is no PriorityClass "higher"',
  )
  await resources.create(VMS, vm('a', 'high'))
  await resources.delete(PRIORITY_CLASSES, { namespace: '', name: 'high' })
  // Its owner may still change all else.
  await resources.modify(VMS, { namespace: 'default', name: 'a' }, (object) => ({
    ...object,
    metadata: { ...object.metadata, labels: { x: '1' } },
  }))
  await resources.create(VMS, vm('b'))
})

it('has one default class', async () => {
  const { resources } = api.server
  await resources.create(PRIORITY_CLASSES, pc('usual', 5, { globalDefault: true }))
  await expect(resources.create(PRIORITY_CLASSES, pc('other', 6, { globalDefault: true }))).rejects.toThrow(
    'the class usual is the default already',
  )
  await resources.create(PRIORITY_CLASSES, pc('other', 6))
})
