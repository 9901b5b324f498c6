// What hosts tell is told again when the store did not take it.
import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../../../lib/clock.ts'
import { ApiError } from '../../../../lib/errors.ts'
import { silentLog } from '../../../../lib/reconcile/log.ts'
import { Mirror } from '../../../../scheduler/mirror/mirror.ts'
import { Orphans } from '../../../../scheduler/mirror/orphans.ts'
import type { HostBinding } from '../../../../schemas/index.ts'
import { NODES, VM_OPERATIONS, VMS } from '../../../../schemas/resources.ts'
import { anOperation, aVm } from '../../../support/objects.ts'
import { waitFor } from '../../../support/wait.ts'

const full = new ApiError('ServiceUnavailable', 'no space is left')

it('an operation that was made at a host is shown, also when there was no space for it at first', async () => {
  const made: string[] = []
  let refused = 0
  const { status, ...vm } = aVm()
  const there = { ...vm, status: { ...status, berth: { placement: { node: 'h1', epoch: 1, since: '' } } } }
  const operation = anOperation('by-hand', { type: 'Restart', virtualMachineName: vm.metadata.name })
  const copy = {
    ...operation,
    metadata: { ...operation.metadata, creationTimestamp: new Date().toISOString() },
    status: { phase: 'InProgress' },
  }
  const mirror = new Mirror({
    reader: { get: (resource: string) => (resource === VMS ? there : null), byIndex: () => [] } as never,
    resources: {
      recreate: async (_resource: string, { metadata }: typeof copy) => {
        refused += 1
        if (refused === 1) throw full
        made.push(metadata.name)
      },
      modifyStatus: async () => null,
    } as never,
    agents: { view: () => ({ object: () => copy }), holders: () => [] } as never,
    silence: () => null,
    isMember: () => true,
    clock: systemClock,
    log: silentLog,
  })
  onTestFinished(async () => void (await mirror.controller.stop()))
  mirror.controller.start()
  mirror.enqueue('h1', VM_OPERATIONS, copy.metadata.uid)
  await waitFor('the operation', 10, () => made.length > 0)
  expect([refused, made]).toEqual([2, ['by-hand']])
})

it('who finds an object that this scheduler does not know hears that it could not be told, and the next ones are told', async () => {
  const told: unknown[] = []
  const binding = (name: string) =>
    ({
      metadata: { name, annotations: { 'berth/orphaned': 'yes' } },
      spec: { subject: { resource: VMS, namespace: 'default', name, uid: name } },
    }) as unknown as HostBinding
  let refuses = true
  const orphans = new Orphans({
    reader: {
      get: (resource: string) => (resource === NODES ? { kind: 'Node', metadata: { name: 'h1', uid: 'h1' } } : null),
      byIndex: () => [],
    } as never,
    resources: {
      modifyStatus: async (_resource: string, _name: unknown, change: (status: object) => unknown) => {
        if (refuses) throw full
        told.push(change({}))
      },
    } as never,
    agents: { view: () => ({ bindings: () => [binding('a')] }) } as never,
    events: { record: () => undefined },
    clock: systemClock,
    log: silentLog,
  })
  await expect(orphans.found('h1', binding('a'))).rejects.toThrow('no space is left')
  refuses = false
  await orphans.found('h1', binding('a'))
  expect(told).toMatchObject([
    { conditions: [{ type: 'KnownToScheduler', status: 'False', message: expect.stringContaining('default/a') }] },
  ])
})
