import { beforeAll, describe, expect, it } from 'vitest'
import {
  DomainEventStoppedDetailType,
  DomainEventType,
  DomainJobOperation,
  DomainModificationImpact,
  DomainState,
  fromParams,
  isDeviceMissing,
  isOperationInvalid,
  type LibvirtPool,
  Names,
  toParams,
  typed,
  withParamCount,
} from '../../../lib/libvirt/index.ts'
import { collectUntil, failure, firmwareGuest, useLibvirtd } from './setup.ts'

/** SCSI, because such a disk comes and goes without any help from the guest. */
const DISK = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/var/lib/libvirt/images/PATH'/>
  <target dev='sdb' bus='scsi'/><alias name='ua-extra'/></disk>`
const SCSI = `<controller type='scsi' model='virtio-scsi'/>`

describe('QEMU through libvirt', () => {
  const { daemon, pool: newPool } = useLibvirtd()
  let pool: LibvirtPool

  /** Each test has a domain of its own: libvirt 9.0 may end one with what is late of the QEMU before it. */
  const define = async (name: string, devices = '') =>
    (await pool.call('DomainDefineXML', { xml: firmwareGuest(name, { devices }) })).dom

  beforeAll(async () => {
    pool = await newPool()
  })

  it('knows its versions and that it migrates with typed parameters', () => {
    expect(pool.libVersion).toBeGreaterThanOrEqual(9_000_000)
    expect(pool.hypervisorVersion).toBeGreaterThanOrEqual(7_000_000)
    expect(pool.features).toEqual({ migrationP2p: true, migrationOffline: true, migrationParams: true })
  })

  it('defines, starts, destroys and undefines a guest, and tells each step', async () => {
    const events = pool.events('lifecycle')
    await events.ready
    const dom = await define('life')
    expect(dom.uuid).toMatch(/^[0-9a-f-]{36}$/)
    const { dom: running } = await pool.call('DomainCreateWithFlags', { dom, flags: 0 })
    expect(running.id).toBeGreaterThan(0)
    expect((await pool.call('DomainGetState', { dom, flags: 0 }, { lane: 'light' })).state).toBe(DomainState.RUNNING)
    expect(isOperationInvalid(await failure(pool.call('DomainCreate', { dom })))).toBe(true)
    await pool.call('DomainDestroyFlags', { dom, flags: 0 })
    await pool.call('DomainUndefineFlags', { dom, flags: 0 })
    const seen = await collectUntil(
      events,
      (item) => item.kind === 'lifecycle' && item.event === DomainEventType.UNDEFINED,
    )
    // QEMU's own SHUTDOWN comes only when it is quicker than libvirt's end; libvirt gives RESUMED before STARTED.
    const steps = seen
      .map((item) => (item.kind === 'lifecycle' ? item.event : item.kind))
      .filter((step) => step !== DomainEventType.SHUTDOWN)
    expect(steps).toEqual([
      DomainEventType.DEFINED,
      DomainEventType.RESUMED,
      DomainEventType.STARTED,
      DomainEventType.STOPPED,
      DomainEventType.UNDEFINED,
    ])
    expect(seen).toContainEqual({
      kind: 'lifecycle',
      dom: { ...running, id: -1 },
      event: DomainEventType.STOPPED,
      detail: DomainEventStoppedDetailType.DESTROYED,
    })
  })

  it('hot-plugs a disk: added, removed and monitor events, from one ordered subscription', async () => {
    await daemon().run('qemu-img', ['create', '-q', '-f', 'qcow2', '/var/lib/libvirt/images/extra.qcow2', '1M'])
    const dom = await define('plug', SCSI)
    await pool.call('DomainCreateWithFlags', { dom, flags: 0 })
    const events = pool.events(['deviceAdded', 'deviceRemoved', 'qemuMonitor'], { dom })
    await events.ready
    const flags = DomainModificationImpact.LIVE
    const xml = DISK.replace('PATH', 'extra.qcow2')
    await pool.call('DomainAttachDeviceFlags', { dom, xml, flags })
    const added = await collectUntil(events, (item) => item.kind === 'deviceAdded')
    expect(added.at(-1)).toMatchObject({ kind: 'deviceAdded', devAlias: 'ua-extra' })
    await pool.call('DomainDetachDeviceAlias', { dom, alias: 'ua-extra', flags })
    const removed = await collectUntil(events, (item) => item.kind === 'deviceRemoved')
    expect(removed.at(-1)).toMatchObject({ kind: 'deviceRemoved', devAlias: 'ua-extra' })
    expect(removed.map((item) => item.kind === 'qemuMonitor' && item.event)).toContain('DEVICE_DELETED')
    const gone = await failure(pool.call('DomainDetachDeviceFlags', { dom, xml, flags }))
    expect(isDeviceMissing(gone)).toBe(true)
    await pool.call('DomainDestroy', { dom })
  })

  it('tells a reset by QEMU’s own event, asked for by name', async () => {
    const dom = await define('reset')
    await pool.call('DomainCreateWithFlags', { dom, flags: 0 })
    const events = pool.events(['reboot', 'qemuMonitor'], { dom, monitorEvent: 'RESET' })
    await events.ready
    await pool.call('DomainReset', { dom, flags: 0 })
    const seen = await collectUntil(events, (item) => item.kind === 'qemuMonitor')
    const last = seen.at(-1)
    expect(last?.kind === 'qemuMonitor' && JSON.parse(last.details ?? '{}')).toMatchObject({ guest: false })
    await pool.call('DomainDestroy', { dom })
  })

  it('tells a finished job and its figures', async () => {
    const dom = await define('saved')
    await pool.call('DomainCreateWithFlags', { dom, flags: 0 })
    const events = pool.events('jobCompleted')
    await events.ready
    await pool.call('DomainManagedSave', { dom, flags: 0 })
    const [job] = await collectUntil(events, () => true)
    expect(job?.kind === 'jobCompleted' && fromParams(job.params)).toMatchObject({
      operation: DomainJobOperation.SAVE,
      data_remaining: 0n,
    })
    await pool.call('DomainManagedSaveRemove', { dom, flags: 0 })
  })

  it('tells a block job’s end', async () => {
    const images = '/var/lib/libvirt/images'
    await daemon().run('qemu-img', ['create', '-q', '-f', 'qcow2', `${images}/base.qcow2`, '1M'])
    await daemon().run('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      `${images}/base.qcow2`,
      '-F',
      'qcow2',
      `${images}/top.qcow2`,
    ])
    const dom = await define('block', SCSI + DISK.replace('PATH', 'top.qcow2'))
    await pool.call('DomainCreateWithFlags', { dom, flags: 0 })
    const events = pool.events('blockJob', { dom })
    await events.ready
    await pool.call('DomainBlockPull', { dom, path: 'sdb', bandwidth: 0n, flags: 0 })
    expect(await collectUntil(events, () => true)).toMatchObject([{ kind: 'blockJob', dst: 'sdb', status: 0 }])
    await pool.call('DomainDestroy', { dom })
  })

  it('sets and reads typed parameters', async () => {
    const dom = await define('params')
    const flags = DomainModificationImpact.CONFIG
    const params = toParams({
      [Names.DOMAIN_SCHEDULER_CPU_SHARES]: 1536n,
      [Names.DOMAIN_SCHEDULER_VCPU_QUOTA]: typed.hyper(-1n),
    })
    await pool.call('DomainSetSchedulerParametersFlags', { dom, params, flags })
    const shares = await pool.call('DomainGetSchedulerParametersFlags', { dom, nparams: 16, flags })
    expect(fromParams(shares.params)).toMatchObject({ cpu_shares: 1536n, vcpu_quota: -1n })
    await pool.call('DomainSetMemoryParameters', { dom, params: toParams({ hard_limit: 65_536n }), flags })
    const memory = await withParamCount(pool, 'DomainGetMemoryParameters', { dom, flags })
    expect(fromParams(memory.params)).toMatchObject({ hard_limit: 65_536n })
    const wrong = await failure(
      pool.call('DomainSetMemoryParameters', { dom, params: toParams({ hard_limit: 'x' }), flags }),
    )
    expect(wrong).toMatchObject({ name: 'LibvirtError' })
  })

  it('keeps metadata, and says when there is none', async () => {
    const { dom } = await pool.call('DomainLookupByName', { name: 'params' })
    const about = { dom, type: 2, uri: 'https://example.org/x', flags: DomainModificationImpact.CONFIG }
    expect(await failure(pool.call('DomainGetMetadata', about))).toMatchObject({ code: 80 })
    await pool.call('DomainSetMetadata', { ...about, metadata: '<note>ä</note>', key: 'x' })
    expect((await pool.call('DomainGetMetadata', about)).metadata).toContain('<note>ä</note>')
  })
})
