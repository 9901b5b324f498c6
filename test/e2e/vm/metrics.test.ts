// What a scrape of a real agent says of real machines, and what Prometheus thinks of it and of the files in monitoring/.
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { AGENT_METRICS } from '../../../agent/metrics/catalogue.ts'
import { CLUSTER_METRICS } from '../../../scheduler/metrics/catalogue.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { expressions } from '../../support/monitoring.ts'
import { promtool } from '../../support/promtool.ts'
import { Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'metrics')
  await space.bareVm('told')
  await space.untilPhase('told', 'Running')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

async function scrape(): Promise<string> {
  const args = ['-sf', '-m', '20', '--unix-socket', lab.host.socket, 'http://localhost/metrics']
  return (await execa('curl', args, { stripFinalNewline: false })).stdout
}

/** The value of the series of that name whose labels hold `text`. */
function figure(scraped: string, name: string, text = ''): number {
  const line = scraped
    .split('\n')
    .find((one) => one.startsWith(name) && /[ {]/.test(one[name.length] ?? '') && one.includes(text))
  return line === undefined ? Number.NaN : Number(line.slice(line.lastIndexOf(' ') + 1))
}

/** Figures that only a booted guest with a balloon driver gives; test/unit/agent/metrics has them. */
const OF_BALLOON = /^berth_vm_memory_(available|unused|usable|swap|page_faults)_/
/** Of what this host does not have just now: open watches and streams, images in namespaces. */
const OF_OTHERS = /^(berth_api_(watches|streams)|d8_virtualization_virtualimage_status_phase)$/
/** Counted where something happens, which may not have happened yet. */
const COUNTED = new Set(AGENT_METRICS.filter(({ kind }) => kind === 'counter').map(({ name }) => name))
/** Of hosts that belong to a cluster, and of its scheduler. */
const OF_CLUSTER = new RegExp(`^(berth_scheduler_|(${CLUSTER_METRICS.map(({ name }) => name).join('|')})(_bucket)?$)`)
/** May lack in a good scrape of this host. */
const mayLack = (name: string) =>
  COUNTED.has(name) || OF_BALLOON.test(name) || OF_OTHERS.test(name) || OF_CLUSTER.test(name)

it('tells what the agent, its objects and its machines do; every metric of rules and dashboard is there', async () => {
  const text = await waitFor('a scrape with all figures', 30, async () => {
    const scraped = await scrape()
    const [network, lag] = [
      figure(scraped, 'berth_vm_network_bytes_total', 'name="told"'),
      figure(scraped, 'berth_event_loop_lag_seconds'),
    ]
    return network >= 0 && lag >= 0 && scraped
  })
  const machine = 'namespace="metrics",name="told"'
  expect(figure(text, 'berth_vm_cpu_seconds_total', machine)).toBeGreaterThan(0)
  expect(figure(text, 'berth_vm_memory_actual_bytes', machine)).toBe(32 * 1024 * 1024)
  expect(figure(text, 'berth_vm_block_capacity_bytes', `${machine},device="sda",disk="VirtualDisk/told"`)).toBe(
    1_048_576,
  )
  expect(figure(text, 'd8_virtualization_virtualmachine_status_phase', 'phase="Running"')).toBe(1)
  expect(figure(text, 'berth_vm_should_run', machine)).toBe(1)
  expect(figure(text, 'berth_objects', 'kind="VirtualMachine",phase="Running"')).toBeGreaterThan(0)
  expect(figure(text, 'berth_node_cpu_cores', 'of="held"')).toBeGreaterThan(0)
  expect(figure(text, 'berth_libvirt_connected')).toBe(1)
  expect(figure(text, 'berth_reconcile_total', 'controller="virtualmachine"')).toBeGreaterThan(0)
  expect(figure(text, 'berth_store_commits_total', 'outcome="ok"')).toBeGreaterThan(0)
  expect(text.match(/^berth_scrape_error\{.*\} 1$/gm)).toBeNull()
  const told = (name: string) => new RegExp(`^${name}[ {]`, 'm').test(text)
  const missing = AGENT_METRICS.filter(({ name, kind }) => !told(kind === 'histogram' ? `${name}_count` : name))
    .map(({ name }) => name)
    .filter((name) => !mayLack(name))
  expect(missing).toEqual([])
  const asked = expressions().flatMap(({ metrics }) => metrics.map(({ name }) => name))
  const unknown = asked.filter((name) => name !== 'up' && !told(name) && !mayLack(name))
  expect(unknown).toEqual([])
})

it('is what Prometheus reads, and so are the alert rules', async () => {
  expect(await promtool(['check', 'metrics'], await scrape())).toBe('')
  expect(await promtool(['check', 'rules', 'monitoring/berth-rules.yaml'])).toContain('SUCCESS')
  expect(await promtool(['test', 'rules', 'monitoring/berth-rules-test.yaml'])).toContain('SUCCESS')
})

it('a libvirt that hangs costs the figures of guests and nothing else, and within its time', async () => {
  const libvirtd = Number(await lab.host.exec('pgrep', '-ox', 'libvirtd|virtqemud'))
  await lab.host.signal('STOP', libvirtd)
  try {
    const began = performance.now()
    const text = await scrape()
    expect(performance.now() - began).toBeLessThan(8_000)
    expect(figure(text, 'berth_scrape_error', 'collector="guests"')).toBe(1)
    expect(text).not.toMatch(/^berth_vm_cpu_seconds_total\{/m)
    expect(figure(text, 'd8_virtualization_virtualmachine_status_phase', 'name="told"')).toBe(1)
  } finally {
    await lab.host.signal('CONT', libvirtd)
  }
  await waitFor(
    'figures of guests again',
    60,
    async () => figure(await scrape(), 'berth_vm_cpu_seconds_total', 'name="told"') > 0,
  )
})

it('series go with their machine', async () => {
  await space.delete('VirtualMachine', 'told')
  await space.untilGone('VirtualMachine', 'told')
  await space.delete('VirtualDisk', 'told')
  await space.untilGone('VirtualDisk', 'told')
  expect(await scrape()).not.toContain('name="told"')
})
