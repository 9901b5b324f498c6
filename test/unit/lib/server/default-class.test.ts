// A machine without a class, through the API: which class it gets, and what keeps the answer unique.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_CLASS_ANNOTATION, VM_CLASSES, VMS } from '../../../../agent/names.ts'
import { type ApiServer, createApiServer } from '../../../../lib/apiserver/index.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { Cache } from '../../../../lib/reconcile/cache.ts'
import { classByDefault, oneDefaultClass } from '../../../../lib/server/default-class.ts'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import type { Store } from '../../../../lib/store/store.ts'
import { KINDS, type VirtualMachine, type VirtualMachineClass } from '../../../../schemas/index.ts'

let dir: string
let store: Store
let reader: Cache
let server: ApiServer

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'berth-class-'))
  store = await openSqliteStore({ path: join(dir, 'store.db'), seal: { keyFile: join(dir, 'key'), fields: {} } })
  reader = new Cache({ store, resources: KINDS.map(({ resource }) => resource), indexes: {} })
  await reader.start()
  server = await createApiServer({
    store,
    kinds: KINDS,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    version: '0',
    admission: [oneDefaultClass(reader)],
    completions: [classByDefault(reader)],
  })
  await server.resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
})
beforeEach(async () => {
  // Past the API: finalizers hold nothing up.
  for (const resource of [VMS, VM_CLASSES])
    for (const { metadata } of reader.list(resource))
      await store.delete({ resource, namespace: metadata.namespace ?? '', name: metadata.name })
})
afterAll(async () => {
  await server.close()
  await store.close()
  rmSync(dir, { recursive: true })
})

const aClass = (name: string, marked: boolean, finalizers: string[] = []) =>
  server.resources.create<VirtualMachineClass>(VM_CLASSES, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha3',
    kind: 'VirtualMachineClass',
    metadata: { name, annotations: marked ? { [DEFAULT_CLASS_ANNOTATION]: 'true' } : {}, finalizers },
    spec: { cpu: { type: 'Host' } },
  } as never)

const aVm = (spec: Readonly<Record<string, unknown>> = {}) =>
  server.resources.create<VirtualMachine>(VMS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      cpu: { cores: 1 },
      memory: { size: '64Mi' },
      blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root' }],
      ...spec,
    },
  } as never)

const classOf = async (vm: Promise<VirtualMachine | null>) => (await vm)?.spec.virtualMachineClassName
const refusal = async (write: Promise<unknown>) =>
  (await write.then(
    () => null,
    (error) => error,
  )) as { readonly reason: string; readonly details: { readonly causes: readonly unknown[] } }

describe('a machine without a class', () => {
  it.each([{}, { virtualMachineClassName: '' }])('gets the default one', async (spec) => {
    await aClass('plain', false)
    await aClass('usual', true)
    expect(await classOf(aVm(spec))).toBe('usual')
  })

  it('keeps the one that it names, and gets the default when that is taken away', async () => {
    await aClass('usual', true)
    expect(await classOf(aVm({ virtualMachineClassName: 'other' }))).toBe('other')
    const without = server.resources.modify<VirtualMachine>(
      VMS,
      { namespace: 'default', name: 'web' },
      ({ spec: { virtualMachineClassName: _, ...spec }, ...vm }) => ({ ...vm, spec }) as VirtualMachine,
    )
    expect(await classOf(without as Promise<VirtualMachine>)).toBe('usual')
  })

  it('is refused where no class is the default, with the path', async () => {
    await aClass('plain', false)
    const { reason, details } = await refusal(aVm())
    expect(reason).toBe('Invalid')
    expect(details.causes).toEqual([
      expect.objectContaining({ path: 'spec.virtualMachineClassName', reason: 'FieldValueRequired' }),
    ])
  })

  it('does not get one that is being deleted', async () => {
    await aClass('leaving', true, ['test/stays'])
    await server.resources.delete(VM_CLASSES, { namespace: '', name: 'leaving' })
    expect((await refusal(aVm())).reason).toBe('Invalid')
  })

  it('is refused where several are marked, by whatever way that came', async () => {
    for (const name of ['one', 'two']) {
      await aClass(name, false)
      // Past the API, as a restored database might have it.
      const entry = await store.get({ resource: VM_CLASSES, namespace: '', name })
      if (entry === null) throw new Error('no class')
      const metadata = { ...entry.value.metadata, annotations: { [DEFAULT_CLASS_ANNOTATION]: 'true' } }
      await store.update(entry.key, { ...entry.value, metadata }, { revision: entry.revision })
    }
    const { details } = await refusal(aVm())
    expect(details.causes).toEqual([
      {
        path: 'spec.virtualMachineClassName',
        reason: 'FieldValueRequired',
        message: 'is required: the classes one, two are all marked as the default',
      },
    ])
  })
})

it('a second default class is refused; other changes of the first are not', async () => {
  await aClass('usual', true)
  const { reason, details } = await refusal(aClass('more', true))
  expect(reason).toBe('Invalid')
  expect(details.causes).toEqual([expect.objectContaining({ message: expect.stringContaining('usual') })])
  await server.resources.modify<VirtualMachineClass>(VM_CLASSES, { namespace: '', name: 'usual' }, (one) => ({
    ...one,
    metadata: { ...one.metadata, labels: { a: 'b' } },
  }))
  await server.resources.modify<VirtualMachineClass>(VM_CLASSES, { namespace: '', name: 'usual' }, (one) => ({
    ...one,
    metadata: { ...one.metadata, annotations: {} },
  }))
  await aClass('more', true)
})
