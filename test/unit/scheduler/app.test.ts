// The scheduler as a server: every kind over its socket and over TLS, and what its first start makes.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../../lib/clock.ts'
import { startScheduler } from '../../../scheduler/app.ts'
import { KINDS } from '../../../schemas/index.ts'
import { startTestScheduler, type TestScheduler } from '../../support/scheduler.ts'

let scheduler: TestScheduler
beforeAll(async () => {
  scheduler = await startTestScheduler()
})
afterAll(() => scheduler.stop())

it('serves all kinds, and no agent’s own', async () => {
  const catalog = await (await scheduler.overTls()).catalog()
  const plurals = catalog.preferred().map(({ plural }) => plural)
  expect(plurals).toEqual(expect.arrayContaining(KINDS.map(({ plural }) => plural)))
  expect(plurals).not.toContain('hostbindings')
})

it('has the first objects, and keeps what is deleted deleted', async () => {
  const { client } = scheduler
  const names = async (path: string) => {
    const { items } = (await client.transport.json({ path })) as { items: { metadata: { name: string } }[] }
    return items.map(({ metadata }) => metadata.name)
  }
  const classes = '/apis/virtualization.deckhouse.io/v1alpha3/virtualmachineclasses'
  expect(await names('/api/v1/namespaces')).toEqual(['default'])
  expect(await names('/apis/storage.k8s.io/v1/storageclasses')).toEqual(['dir'])
  expect(await names(classes)).toEqual(['generic'])
  await client.transport.json({ method: 'DELETE', path: `${classes}/generic` })
  await scheduler.restart()
  expect(await names(classes)).toEqual([])
  expect(await names('/api/v1/namespaces')).toEqual(['default'])
})

it('lets who may read machines ask for the reasons of their places', async () => {
  const role = async (name: string) => {
    const path = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${encodeURIComponent(name)}`
    const { rules } = (await scheduler.client.transport.json({ path })) as { rules: { resources?: string[] }[] }
    return rules.flatMap(({ resources = [] }) => resources)
  }
  expect(await role('d8:use:role:viewer')).toContain('placementexplanations')
  expect(await role('d8:manage:virtualization:viewer')).toEqual(
    expect.arrayContaining(['drainpreviews', 'rebalanceproposals']),
  )
})

it('is live and ready, and tells its figures', async () => {
  const text = async (path: string) => (await scheduler.client.transport.bytes({ path })).toString()
  expect(await text('/livez?verbose')).toContain('[+]store-answers ok')
  expect(await text('/readyz?verbose')).toContain('[+]store ok')
  expect(await text('/metrics')).toContain('berth_build_info{component="berth-scheduler"')
})

it('does not begin anew where its database was lost', async () => {
  const lost = await startTestScheduler()
  try {
    const { config, running } = lost
    await running.stop()
    for (const end of ['', '-wal', '-shm', '.seen']) await rm(join(config.stateDir, `berth.db${end}`), { force: true })
    const log = pino({ level: 'silent' })
    const again = startScheduler({ config, clock: systemClock, version: '0.1.0', log, onFailed: () => undefined })
    await expect(again).rejects.toThrow(/is gone, but a scheduler was run here.*berth-scheduler restore FILE/)
  } finally {
    await rm(lost.folder, { recursive: true, force: true })
  }
})
