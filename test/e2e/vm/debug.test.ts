// The bundle for whoever helps: complete on a good host, honest on a bad one, and never with a secret in it.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { ROOT } from '../../support/lab-place.ts'
import { Space } from '../../support/space.ts'

let lab: Lab
let space: Space
let folder: string

/** Planted where secrets live, and where people put them by mistake. */
const PLANTED = {
  data: 'plantedInSecretData',
  inline: 'plantedInUserData',
  annotation: 'plantedInAnnotation',
  map: 'plantedInConfigMap',
  query: 'plantedInQuery',
  hash: 'ab'.repeat(32),
} as const

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'debug')
  folder = await mkdtemp(join(tmpdir(), 'berth-debug-'))
  const data = { userData: Buffer.from(`#cloud-config\npassword: ${PLANTED.data}\n`).toString('base64') }
  await space.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'init', annotations: { note: PLANTED.annotation } } as object,
    data,
  })
  await space.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'conf' }, data: { key: PLANTED.map } })
  await space.create({
    apiVersion: 'access.berth/v1',
    kind: 'AccessToken',
    metadata: { name: 'planted' },
    spec: { user: 'nobody', sha256: PLANTED.hash },
  })
  await space.create({
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualImage',
    metadata: { name: 'remote' },
    spec: {
      storage: 'ContainerRegistry',
      dataSource: { type: 'HTTP', http: { url: `http://127.0.0.1:9/d.raw?sig=${PLANTED.query}` } },
    },
  })
  await space.bareVm('inline', {
    provisioning: { type: 'UserData', userData: `#cloud-config\nchpasswd: ${PLANTED.inline}\n` },
  })
  await space.bareVm('byref', {
    provisioning: { type: 'UserDataRef', userDataRef: { kind: 'Secret', name: 'init' } },
  })
  for (const vm of ['inline', 'byref']) await space.untilPhase(vm, 'Running')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.host.client.objects.delete(await space.resource('AccessToken'), { namespace: '', name: 'planted' })
  await rm(folder, { recursive: true, force: true })
  await lab.close()
})

/** Makes a bundle on the host; its manifest, its folder, and every text in it by name. */
async function bundle(name: string): Promise<{ readonly manifest: string; readonly files: Map<string, string> }> {
  const path = join(folder, `${name}.tar.gz`)
  const config = join(lab.host.dir, 'agent.yaml')
  const command = ['exec', lab.host.name, '--dir', lab.dir, '--', join(ROOT, 'bin/berth')]
  await execa(join(ROOT, 'scripts/lab'), [...command, 'debug', '--config', config, path], { timeout: 180_000 })
  const into = await mkdtemp(join(folder, `${name}-`))
  await execa('tar', ['-xzf', path, '-C', into])
  const files = new Map<string, string>()
  for (const entry of await readdir(into, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    files.set(file.slice(join(into, 'berth-debug/').length), await readFile(file, 'utf8'))
  }
  return { manifest: files.get('MANIFEST.txt') ?? '', files }
}

function expectNoSecret(files: ReadonlyMap<string, string>): void {
  const needles = Object.values(PLANTED).flatMap((text) => [text, Buffer.from(text).toString('base64').slice(0, -4)])
  for (const [name, text] of files)
    for (const needle of needles) expect(text.includes(needle), `${needle} in ${name}`).toBe(false)
}

it('has all of a good host and none of its secrets', async () => {
  const { manifest, files } = await bundle('good')
  const wanted = [
    'versions.json',
    'configuration.json',
    'metrics.txt',
    'readyz.txt',
    'host-check.json',
    'database.json',
    'files.txt',
  ]
  for (const name of wanted) expect(files.get(name), manifest).toMatch(/\S/)
  const machines = files.get('objects/virtualmachines.virtualization.deckhouse.io.json') ?? ''
  expect(machines).toContain('"inline"')
  expect(machines).toContain('characters left out')
  expect(files.get('objects/secrets.json')).toContain('"userData": "(')
  expect(files.get('objects/events.json')).toBeDefined()
  expect([...files.keys()].filter((name) => name.startsWith('domains/') && name.endsWith('.xml'))).not.toEqual([])
  expect(files.get('metrics.txt')).toContain('berth_vm_cpu_seconds_total')
  expect(JSON.parse(files.get('database.json') ?? '').objects).not.toEqual([])
  expectNoSecret(files)
})

it('says what is missing while libvirt hangs', async () => {
  const libvirtd = Number(await lab.host.exec('pgrep', '-ox', 'libvirtd|virtqemud'))
  await lab.host.signal('STOP', libvirtd)
  try {
    const { manifest, files } = await bundle('hung')
    expect(manifest).toMatch(/^domains: MISSING after \d/m)
    expect(files.get('objects/virtualmachines.virtualization.deckhouse.io.json')).toContain('"inline"')
    expect(files.get('metrics.txt')).toContain('berth_scrape_error{collector="guests"} 1')
    expectNoSecret(files)
  } finally {
    await lab.host.signal('CONT', libvirtd)
  }
  await lab.host.agentReady()
})

it('is made without an agent, too', async () => {
  await lab.host.withoutAgent(async () => {
    const { manifest, files } = await bundle('alone')
    expect(manifest).toMatch(/^objects: MISSING/m)
    expect(JSON.parse(files.get('database.json') ?? '').objects).not.toEqual([])
    expect([...files.keys()].some((name) => name.startsWith('domains/') && name.endsWith('.xml'))).toBe(true)
    expectNoSecret(files)
  })
})
