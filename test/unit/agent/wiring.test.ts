// Which machines a change of another machine wakes.
import { expect, it } from 'vitest'
import { VMS } from '../../../agent/names.ts'
import { INDEXES, VMS_BY_DEVICE, wireVirtualMachines } from '../../../agent/wiring.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import type { Change } from '../../../lib/store/store.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { aVm } from '../../support/objects.ts'

type Status = NonNullable<VirtualMachine['status']>

const named = (name: string, status: Partial<Status>): VirtualMachine =>
  aVm({ metadata: { name, uid: `uid-${name}` }, status: status as Status })
const attached = (on: boolean): Partial<Status> => ({
  blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root', size: '1Gi', attached: on }],
})

/** The keys that the change wakes among these machines. */
function wokenBy(change: Change, vms: readonly VirtualMachine[]): string[] {
  const listeners: ((change: Change) => void)[] = []
  const reader: Pick<Reader, 'get' | 'list' | 'byIndex' | 'onChange'> = {
    get: () => null,
    list: () => [],
    byIndex: <T extends KubeObject>(index: string, value: string) =>
      vms.filter((vm) => INDEXES[index]?.(vm).includes(value)) as unknown as readonly T[],
    onChange: (listener) => {
      listeners.push(listener)
      return () => undefined
    },
  }
  const woken: string[] = []
  wireVirtualMachines(reader as Reader, { enqueue: (key) => void woken.push(key) })
  for (const listener of listeners) listener(change)
  return woken
}

const key = { resource: VMS, namespace: 'default', name: 'holder' }
const put = (previous: VirtualMachine | null, value: VirtualMachine): Change => ({
  type: 'put',
  previous,
  entry: { key, value, revision: 2n },
})

it('a machine that lets go of a disk wakes those that wait for it', () => {
  expect(INDEXES[VMS_BY_DEVICE]).toBeDefined()
  const lacking = { type: 'BlockDevicesReady', status: 'False', reason: 'BlockDevicesNotReady', message: 'in use' }
  const runs = (status: 'True' | 'False') => ({
    phase: 'Running' as const,
    conditions: [{ ...lacking, status, lastTransitionTime: '2026-01-01T00:00:00Z' }],
  })
  const others = [
    named('heir', { phase: 'Pending' }),
    named('lacks', runs('False')),
    named('content', { phase: 'Stopped' }),
    named('complete', runs('True')),
  ]
  const running = named('holder', { phase: 'Running', ...attached(true) })
  const stopped = named('holder', { phase: 'Stopped', ...attached(false) })
  expect(wokenBy(put(running, stopped), others)).toEqual(['default/heir', 'default/lacks'])
  expect(wokenBy({ type: 'delete', key, revision: 3n, previous: running }, others)).toContain('default/heir')
  expect(wokenBy(put(stopped, running), others)).toEqual([])
  expect(wokenBy(put(running, { ...running }), others)).toEqual([])
})
