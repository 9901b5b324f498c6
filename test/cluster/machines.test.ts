// Machines of a real cluster: applied at the scheduler, started on its hosts, used through it, and gone from everywhere at the end.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { KubeObject } from '../../lib/object.ts'
import { type Cluster, keepClusterEvidence, sharedCluster } from '../support/cluster.ts'
import { GuestConsole } from '../support/guest-console.ts'
import { extendPcr, keepInTpm, keptInTpm, pcr } from '../support/guest-tpm.ts'
import { hostsWithTpm } from '../support/lab-host.ts'
import { promtool } from '../support/promtool.ts'
import { waitFor } from '../support/wait.ts'

interface Machine extends KubeObject {
  readonly status?: {
    readonly phase?: string
    readonly nodeName?: string
    readonly ipAddress?: string
    readonly stats?: { readonly lastStartTime?: string }
    readonly migrationState?: { readonly result?: string; readonly endTimestamp?: string }
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[]
  }
}

const NAMESPACE = 'tier'
/** Six guests boot under emulation, on two cores. */
const BOOT_SECONDS = 180

let cluster: Cluster
let file = ''

beforeAll(async () => {
  cluster = await sharedCluster()
  const text = await readFile(join(import.meta.dirname, '../../examples/web-tier.yaml'), 'utf8')
  const image = `${cluster.served.origin}/guest.qcow2`
  file = join(cluster.dir, 'web-tier.yaml')
  await writeFile(
    file,
    text
      .replaceAll('http://127.0.0.1:18750/guest.qcow2', image)
      .replaceAll('namespace: default', `namespace: ${NAMESPACE}`)
      // web-1 has a TPM, which moves with it.
      .replace(/(kind: VirtualMachine\n[\s\S]*?\nspec:\n)/, '$1  osType: Windows\n'),
  )
  await cluster.kubectl('create', 'namespace', NAMESPACE)
})
beforeEach((context) => keepClusterEvidence(context, cluster))
afterAll(async () => {
  await cluster.kubectl('delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=60s')
  await cluster.close()
})

const machines = (): Promise<readonly Machine[]> => cluster.scheduler.list('vm', NAMESPACE)

const machine = async (name: string): Promise<Machine | undefined> =>
  (await machines()).find(({ metadata }) => metadata.name === name)

const running = async (): Promise<readonly Machine[]> =>
  (await machines()).filter(({ status }) => status?.phase === 'Running')

/** Hosts that have what its TPM keeps. */
const tpmHosts = (uid: string): Promise<readonly string[]> => hostsWithTpm(cluster.hosts, uid)

const berth = (...args: readonly string[]) => cluster.berth('-n', NAMESPACE, ...args)

it('spreads six machines over its hosts', async () => {
  await cluster.kubectl('wait', 'node', '--all', '--for=condition=Ready', '--timeout=60s')
  await cluster.kubectl('apply', '-f', file)
  await waitFor('six machines that run', BOOT_SECONDS, async () => (await running()).length === 6)
  const nodes = (await running()).map(({ status }) => status?.nodeName)
  // A wish, not a rule: a host that was not heard for a moment gets fewer.
  for (const host of ['h1', 'h2', 'h3']) expect(nodes.filter((node) => node === host).length).toBeLessThanOrEqual(3)
})

it('opens the console of a guest through the scheduler, whichever host it is on', async () => {
  const guest = await GuestConsole.open(cluster.scheduler.client, NAMESPACE, 'web-1')
  expect(await guest.ask('echo from-$((6*7))')).toBe('from-42')
  guest.close()
  await expect(
    cluster.scheduler.client.stream({
      path: `/apis/subresources.virtualization.deckhouse.io/v1alpha2/namespaces/${NAMESPACE}/virtualmachines/nobody/console`,
    }),
  ).rejects.toThrow(/"nobody" not found/)
})

it('explains why each host takes a machine or does not', async () => {
  const words = await berth('explain', 'vm', 'web-1', '--what-if', 'h2 down')
  expect(words).toMatch(/h2 +refused .*it is down \(what if\)/)
  expect(words).toMatch(/the disk web-1 lies on h\d/)
})

it('moves a guest to another host while it goes on', async () => {
  const from = (await machine('web-1'))?.status?.nodeName ?? ''
  const to = from === 'h3' ? 'h2' : 'h3'
  const { status: was } = await waitFor('web-1 with an address', 60, async () => {
    const found = await machine('web-1')
    return found?.status?.ipAddress ? found : null
  })
  expect(was?.conditions).toContainEqual(expect.objectContaining({ type: 'Migratable', status: 'True' }))
  const before = await GuestConsole.open(cluster.scheduler.client, NAMESPACE, 'web-1')
  // In the guest's memory alone: a guest that was started anew would not have it.
  await before.ask('echo kept-$((6*7)) >/run/mark; echo written')
  await keepInTpm(before, '0011223344556677')
  const register = await extendPcr(before)
  before.close()
  await berth('migrate', 'vm', 'web-1', '--to', to, '--wait')
  const moved = await waitFor('web-1 that has moved', 60, async () => {
    const found = await machine('web-1')
    return found?.status?.nodeName === to && found.status.phase === 'Running' ? found : null
  })
  expect(moved.status?.migrationState).toMatchObject({ result: 'Succeeded', endTimestamp: expect.any(String) })
  await waitFor(
    'the source without it',
    30,
    async () => !(await cluster.hostOf(from).virsh('list', '--all', '--uuid')).includes(moved.metadata.uid),
  )
  expect(await cluster.hostOf(to).virsh('list', '--uuid')).toContain(moved.metadata.uid)
  // Its address is kept for it here, or it says why that cannot be; the guest has asked for nothing.
  const there = await waitFor('the address of web-1, or a word', 30, async () => {
    const found = await machine('web-1')
    const word = found?.status?.conditions?.find(({ type }) => type === 'VirtualMachineIPAddressReady')
    return found?.status?.ipAddress === was?.ipAddress || word?.status === 'False' ? found : null
  })
  expect(there.status?.stats?.lastStartTime).toBe(was?.stats?.lastStartTime)
  const after = await GuestConsole.open(cluster.scheduler.client, NAMESPACE, 'web-1')
  expect(await after.ask('cat /run/mark')).toBe('kept-42')
  expect([await keptInTpm(after), await pcr(after)]).toEqual(['0011223344556677', register])
  after.close()
  expect(await tpmHosts(moved.metadata.uid)).toContain(to)
  await waitFor('one host with its TPM', 30, async () => (await tpmHosts(moved.metadata.uid)).length === 1)
})

it('empties a host that is drained', async () => {
  const node = (await machine('web-1'))?.status?.nodeName ?? ''
  const preview = await berth('drain', node, '--dry-run')
  expect(preview).toMatch(/web-1 +h\d/)
  await berth('drain', node)
  await waitFor(`${node} without machines`, 120, async () =>
    (await machines()).every(({ status }) => status?.phase === 'Running' && status.nodeName !== node),
  )
  await waitFor(
    `${node} without domains`,
    30,
    async () => (await cluster.hostOf(node).virsh('list', '--all', '--uuid')).trim() === '',
  )
  await berth('uncordon', node)
})

it('is told by the metrics of the scheduler, as Prometheus reads them', async () => {
  const { text, figure } = await waitFor('a scrape with three ready hosts', 60, async () => {
    const scraped = await cluster.scheduler.metrics()
    return scraped.figure('berth_hosts{state="ready"}') === 3 && scraped
  })
  expect(figure('berth_scheduler_rule{state="ruling"}')).toBe(1)
  expect(figure('berth_agent_links{state="up"}')).toBe(3)
  expect(figure('berth_placement_decisions_total{outcome="placed"}')).toBeGreaterThanOrEqual(6)
  expect(figure('berth_binding_puts_total{outcome="taken"}')).toBeGreaterThanOrEqual(6)
  // The one that was moved by hand; what the drain moved ends in its own time.
  expect(figure('berth_migrations_total{outcome="Completed"}')).toBeGreaterThanOrEqual(1)
  expect(figure('berth_migration_downtime_seconds_count')).toBeGreaterThanOrEqual(1)
  expect(figure('berth_migration_duration_seconds_sum')).toBeGreaterThan(0)
  expect(figure('berth_mirror_lag_seconds_count')).toBeGreaterThan(0)
  expect(figure('berth_failover_frozen')).toBe(0)
  expect(text).not.toMatch(/^berth_scrape_error\{.*\} 1$/m)
  expect(await promtool(['check', 'metrics'], text)).toBe('')
})

it('stops and starts by operations, and the scheduler’s death in between changes nothing', async () => {
  await berth('stop', 'web-2', '--wait')
  await waitFor('web-2 that is off', 30, async () => (await machine('web-2'))?.status?.phase === 'Stopped')
  await berth('start', 'web-2')
  await cluster.scheduler.restart()
  await waitFor('web-2 that runs', BOOT_SECONDS, async () => (await machine('web-2'))?.status?.phase === 'Running')
  expect((await running()).length).toBe(6)
})

it('says of the machines of a host that is not heard that nobody knows', async () => {
  const node = (await machine('web-3'))?.status?.nodeName ?? ''
  const host = cluster.hostOf(node)
  const before = await host.virsh('list', '--uuid')
  const condition = async () => (await machine('web-3'))?.status?.conditions?.find(({ type }) => type === 'Running')
  await cluster.whileCutOff(host, async () => {
    await waitFor('web-3 in doubt', 60, async () => (await condition())?.reason === 'NodeStatusUnknown')
    expect((await machine('web-3'))?.status?.phase).toBe('Running')
  })
  await waitFor('web-3 known again', 60, async () => (await condition())?.status === 'True')
  expect(await host.virsh('list', '--uuid')).toBe(before)
})

it('leaves nothing behind on any host', async () => {
  const { uid = '' } = (await machine('web-1'))?.metadata ?? {}
  expect(await tpmHosts(uid)).toHaveLength(1)
  await cluster.kubectl('delete', '-f', file, '--wait=false')
  await waitFor('no machine, disk or image', 120, async () => {
    const left = await Promise.all(['vm', 'vd', 'vi'].map((kind) => cluster.scheduler.list(kind, NAMESPACE)))
    return left.flat().length === 0
  })
  for (const host of cluster.hosts) {
    // Forgotten once the object is gone, a moment after it.
    await waitFor(`no binding on ${host.name}`, 60, async () => {
      const { items } = (await host.client.transport.json({ path: '/apis/cluster.berth/v1/hostbindings' })) as {
        readonly items: readonly { readonly spec: { readonly subject: { readonly namespace?: string } } }[]
      }
      return items.every(({ spec }) => spec.subject.namespace !== NAMESPACE)
    })
  }
  expect(await tpmHosts(uid)).toEqual([])
})
