import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  DomainEventType,
  DomainState,
  ErrorDomain,
  fromParams,
  isNoDomain,
  isNoNetwork,
  isOperationInvalid,
  isUnsupported,
  LibvirtError,
  type LibvirtPool,
} from '../../../lib/libvirt/index.ts'
import { collectUntil, failure, useLibvirtd } from './setup.ts'

const COUNT = 300
const domains = Array.from(
  { length: COUNT },
  (_, i) => `<domain type='test'><name>d${i}</name><memory>8192</memory><os><type>hvm</type></os></domain>`,
)
const light = { lane: 'light' } as const

// The driver keeps a world per connection for a file, so everything here goes over the light lane's one connection.
describe('libvirt’s test driver with a file of domains', () => {
  const { daemon, pool: newPool } = useLibvirtd()
  let pool: LibvirtPool

  beforeAll(async () => {
    writeFileSync(join(daemon().dir, 'lib/world.xml'), `<node>${domains.join('')}</node>`)
    pool = await newPool({ uri: 'test:///var/lib/libvirt/world.xml' })
  })

  it('reports its versions and says what it cannot do', () => {
    expect(pool.libVersion).toBeGreaterThanOrEqual(9_000_000)
    expect(pool.hypervisorVersion).toBe(2)
    expect(pool.features.migrationParams).toBe(false)
  })

  it('lists hundreds of domains and their statistics in one call each', async () => {
    const { domains: list, ret } = await pool.call('ConnectListAllDomains', { needResults: 1, flags: 0 }, light)
    expect([list.length, ret]).toEqual([COUNT, COUNT])
    const { retStats } = await pool.call('ConnectGetAllDomainStats', { doms: [], stats: 0, flags: 0 }, light)
    expect(retStats.length).toBe(COUNT)
    expect(fromParams(retStats[0]?.params ?? [])).toMatchObject({ 'state.state': DomainState.RUNNING })
  })

  it('reports a domain’s life as events, in order', async () => {
    const { dom } = await pool.call('DomainLookupByName', { name: 'd7' }, light)
    const events = pool.events('lifecycle', { dom })
    await events.ready
    const other = await pool.call('DomainLookupByName', { name: 'd8' }, light)
    await pool.call('DomainSuspend', { dom: other.dom }, light)
    await pool.call('DomainSuspend', { dom }, light)
    await pool.call('DomainResume', { dom }, light)
    await pool.call('DomainDestroy', { dom }, light)
    const seen = await collectUntil(
      events,
      (item) => item.kind === 'lifecycle' && item.event === DomainEventType.STOPPED,
    )
    expect(seen.map((item) => (item.kind === 'lifecycle' ? [item.dom.name, item.event] : item))).toEqual([
      ['d7', DomainEventType.SUSPENDED],
      ['d7', DomainEventType.RESUMED],
      ['d7', DomainEventType.STOPPED],
    ])
    const { state } = await pool.call('DomainGetState', { dom, flags: 0 }, light)
    expect(state).toBe(DomainState.SHUTOFF)
  })

  it('answers no with codes that callers can decide on', async () => {
    const uuid = '00000000-0000-4000-8000-000000000000'
    const absent = await failure(pool.call('DomainLookupByUUID', { uuid }, light))
    expect(isNoDomain(absent)).toBe(true)
    expect(absent).toMatchObject({ procedure: 'DomainLookupByUUID', level: 2, domain: ErrorDomain.TEST })
    expect(isNoNetwork(await failure(pool.call('NetworkLookupByName', { name: 'none' }, light)))).toBe(true)
    const { dom } = await pool.call('DomainLookupByName', { name: 'd9' }, light)
    await pool.call('DomainDestroy', { dom }, light)
    const off = await failure(pool.call('DomainDestroy', { dom }, light))
    expect(isOperationInvalid(off)).toBe(true)
    expect(isNoDomain(off)).toBe(false)
    const unable = await failure(pool.call('DomainMonitorCommand', { dom, cmd: 'info version', flags: 1 }, light))
    expect(isUnsupported(unable)).toBe(true)
    await expect(pool.events('qemuMonitor').ready).rejects.toSatisfy(isUnsupported)
  })

  it('does not know procedures of newer releases: an answer, not the end of the connection', async () => {
    const { dom } = await pool.call('DomainLookupByName', { name: 'd10' }, light)
    const error = await failure(pool.call('DomainGetAutostartOnce', { dom }, light))
    expect(error).toBeInstanceOf(LibvirtError)
    expect(isUnsupported(error)).toBe(true)
    expect((await pool.call('ConnectGetType', {}, light)).type).toBe('TEST')
  })

  it('refuses a URI that no driver has', async () => {
    const error = await failure(newPool({ uri: 'test:///var/lib/libvirt/absent.xml' }))
    expect(error).toBeInstanceOf(LibvirtError)
  })

  it('takes arguments with every kind of character', async () => {
    const name = 'größe-名前-🦊'
    const xml = `<domain type='test'><name>${name}</name><memory>8192</memory><os><type>hvm</type></os></domain>`
    await pool.call('DomainDefineXML', { xml }, light)
    expect((await pool.call('DomainLookupByName', { name }, light)).dom.name).toBe(name)
  })
})
