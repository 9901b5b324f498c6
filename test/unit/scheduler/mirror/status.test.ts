// What of a machine's status is its host's word, and what the scheduler's.
import { expect, it } from 'vitest'
import { mirroredVm } from '../../../../scheduler/mirror/status.ts'
import type { VirtualMachine } from '../../../../schemas/index.ts'

const vm = (status: unknown): VirtualMachine =>
  ({
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    metadata: { name: 'web', namespace: 'default', uid: 'u-1', generation: 1 },
    spec: {},
    status,
  }) as unknown as VirtualMachine

const told = { phase: 'Running', migrationState: { source: { node: 'h1' }, target: { node: 'h2' } } }

it('who moves a machine says how that went, whatever its hosts say', () => {
  const own = {
    result: 'Succeeded',
    source: { node: 'h1' },
    target: { node: 'h2' },
    endTimestamp: '2026-01-01T00:00:00Z',
  }
  const mine = vm({ phase: 'Migrating', migrationState: own, berth: { migration: { id: 'm' } } })
  expect(mirroredVm(mine, vm(told))).toMatchObject({ phase: 'Running', migrationState: own })
})

it('what a host does not say any more is over, and what the scheduler says stays', () => {
  const condition = (type: string) => ({ type, status: 'True', reason: 'Said', message: '' })
  const had = ['AgentReady', 'Failover', 'Migrating', 'Orphaned'].map(condition)
  const types = (phase: string, said: readonly string[]) =>
    mirroredVm(
      vm({ conditions: had, berth: { migration: { id: 'm', phase } } }),
      vm({ conditions: said.map(condition) }),
    )?.conditions?.map(({ type }) => type)
  expect(types('Transferring', ['AgentReady'])).toEqual(['AgentReady', 'Failover', 'Migrating'])
  // Its host told it of the move when it was heard late.
  expect(types('Cleaned', ['AgentReady'])).toEqual(['AgentReady', 'Failover'])
  expect(types('Cleaned', ['Migrating'])).toEqual(['Failover', 'Migrating'])
})

it('of a machine that this scheduler never moved, the host says it', () => {
  expect(mirroredVm(vm({ phase: 'Pending' }), vm(told))).toMatchObject(told)
})
