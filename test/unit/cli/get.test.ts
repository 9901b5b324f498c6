// `berth get`, `describe`, `events`, `api-resources`, `version`, `host check` against a real API server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { eventually } from '../../support/eventually.ts'
import { type Bench, startBench, VM } from './harness.ts'

const VMS = 'virtualmachines.virtualization.deckhouse.io'
let bench: Bench
let checks: readonly object[] = []

beforeAll(async () => {
  bench = await startBench({ report: () => ({ kind: 'HostCheck', nodeName: 'h1', checks }) })
  for (const [namespace, name] of [
    ['default', 'web'],
    ['default', 'db'],
    ['other', 'far'],
  ] as const) {
    const vm = VM(name)
    const labels = { app: name }
    await bench.server.resources.create(VMS, { ...vm, metadata: { name, namespace, labels } })
  }
  await setStatus('web', { phase: 'Running', nodeName: 'h1', ipAddress: '10.0.0.7' })
})
afterAll(() => bench.stop())

async function setStatus(name: string, status: object): Promise<void> {
  const vm = await bench.server.resources.get(VMS, { namespace: 'default', name })
  const target = { namespace: 'default', name, uid: vm?.metadata.uid ?? '' }
  await bench.server.resources.modifyStatus(VMS, target, () => status)
}

const lines = (text: string) => text.trimEnd().split('\n')

describe('get', () => {
  it('shows the server’s columns, aligned', async () => {
    const { code, out } = await bench.berth(['get', 'vm'])
    const [header = '', db = '', web = ''] = lines(out)
    expect(code).toBe(0)
    expect(header).toMatch(/^NAME {3}PHASE {5}UPTIME .* NODE {3}IPADDRESS {3}AGE$/)
    expect(db).toMatch(/^db /)
    expect(web.indexOf('Running')).toBe(header.indexOf('PHASE'))
    expect(web.indexOf('10.0.0.7')).toBe(header.indexOf('IPADDRESS'))
  })

  it.each([
    'vm',
    'VM',
    'virtualmachine',
    'VirtualMachines',
    VMS,
    'virtualmachines.v1alpha2.virtualization.deckhouse.io',
  ])('knows the kind as %s', async (kind) => {
    expect((await bench.berth(['get', kind, 'web', '-o', 'name'])).out).toBe(
      'virtualmachine.virtualization.deckhouse.io/web\n',
    )
  })

  it('-A has a namespace column, --no-headers no header, -l and --field-selector select', async () => {
    const all = await bench.berth(['get', 'vm', '-A'])
    expect(lines(all.out).map((text) => text.split(/ +/)[0])).toEqual(['NAMESPACE', 'default', 'default', 'other'])
    expect(lines((await bench.berth(['get', 'vm', '--no-headers'])).out)).toHaveLength(2)
    expect((await bench.berth(['get', 'vm', '-A', '-l', 'app in (db,far)', '-o', 'name'])).out).toMatch(
      /\/db\n.*\/far\n$/,
    )
    expect((await bench.berth(['get', 'vm', '--field-selector', 'metadata.name=web', '-o', 'name'])).out).toMatch(
      /\/web\n$/,
    )
  })

  it('one object is itself in JSON and YAML, several are a List', async () => {
    const one = JSON.parse((await bench.berth(['get', 'vm', 'web', '-o', 'json'])).out)
    expect(one).toMatchObject({ kind: 'VirtualMachine', metadata: { name: 'web' } })
    // As kubectl: who owns which field is for programs.
    expect(one.metadata.managedFields).toBeUndefined()
    expect(parse((await bench.berth(['get', 'vm/web', '-o', 'yaml'])).out)).toEqual(one)
    const list = parse((await bench.berth(['get', 'vm', '-o', 'yaml'])).out)
    expect(list).toMatchObject({ kind: 'List', items: [{ metadata: { name: 'db' } }, { metadata: { name: 'web' } }] })
    expect(list.items[1]).toEqual(one)
  })

  it('shows what is there and fails for what is not', async () => {
    const { code, out, err } = await bench.berth(['get', 'vm', 'web', 'none'])
    expect(code).toBe(1)
    expect(out).toMatch(/\nweb /)
    expect(err).toContain('"none" not found')
  })

  it('several kinds are several tables with full names', async () => {
    const { out } = await bench.berth(['get', 'vm/web', 'ns/other'])
    expect(out).toMatch(/virtualmachine\.virtualization\.deckhouse\.io\/web [\s\S]*\n\nNAME[^\n]*\nnamespace\/other /)
  })

  it('nothing is said on stderr and is no error', async () => {
    expect(await bench.berth(['get', 'vd'])).toEqual({
      code: 0,
      out: '',
      err: 'no virtualdisks found in namespace default\n',
    })
  })

  it('-w shows the rows, then each that changed, until it is interrupted', async () => {
    const going = bench.begin(['get', 'vm', '-w'])
    await eventually(() => expect(lines(going.out())).toHaveLength(3))
    await setStatus('db', { phase: 'Starting' })
    await eventually(() => expect(lines(going.out())).toHaveLength(4))
    expect(lines(going.out())[3]).toMatch(/^db +Starting/)
    // A change in no shown column is no news.
    await setStatus('db', { phase: 'Starting', guestOSInfo: { id: 'debian' } })
    await setStatus('db', { phase: 'Stopped' })
    await eventually(() => expect(lines(going.out())).toHaveLength(5))
    expect(lines(going.out())[4]).toMatch(/^db +Stopped/)
    going.interrupt()
    expect((await going.ended).code).toBe(130)
  })

  it('-w of one object in YAML is a stream of documents', async () => {
    const going = bench.begin(['get', 'vm', 'db', '-w', '-o', 'yaml'])
    await eventually(() => expect(going.out()).toContain('name: db'))
    await setStatus('db', { phase: 'Pending' })
    await eventually(() => expect(going.out().split('---\n')).toHaveLength(3))
    expect(parse(going.out().split('---\n')[2] ?? '')).toMatchObject({ status: { phase: 'Pending' } })
    going.interrupt()
    await going.ended
  })

  it.each([
    ['names with -A', ['get', 'vm', 'web', '-A']],
    ['names with -l', ['get', 'vm', 'web', '-l', 'a=b']],
    ['mixed forms', ['get', 'vm/web', 'db']],
    ['-w of two kinds', ['get', 'vm,vd', '-w']],
    ['an unknown form', ['get', 'vm', '-o', 'xml']],
    ['an unknown option', ['get', 'vm', '--wach']],
    ['no kind', ['get']],
    ['two servers', ['get', 'vm', '--socket', 'a', '--kubeconfig', 'b']],
  ])('%s is a usage error', async (_, args) => {
    const { code, out, err } = await bench.berth(args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(/^error: /)
  })

  it('an unknown kind names the nearest', async () => {
    const { code, err } = await bench.berth(['get', 'virtualmachin'])
    expect(code).toBe(1)
    expect(err).toBe('error: this server has no kind "virtualmachin"; did you mean virtualmachine?\n')
  })

  it('a socket that is not there says what to do', async () => {
    const { code, err } = await bench.berth(['get', 'vm', '--socket', '/nonexistent/berth.sock'])
    expect(code).toBe(1)
    expect(err).toMatch(/no connection to unix:\/nonexistent\/berth\.sock: the socket does not exist\n.*berth-agent/)
  })
})

describe('describe', () => {
  it('shows fields by their names, conditions and events as tables, and no escape sequences', async () => {
    await setStatus('web', {
      phase: 'Running',
      conditions: [
        {
          type: 'Running',
          status: 'True',
          reason: 'Running',
          message: 'evil \u001b[31mred',
          lastTransitionTime: '2026-01-01T00:00:00Z',
          observedGeneration: 1,
        },
      ],
    })
    const vm = await bench.server.resources.get(VMS, { namespace: 'default', name: 'web' })
    await bench.server.resources.create('events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'default' },
      involvedObject: { kind: 'VirtualMachine', name: 'web', namespace: 'default', uid: vm?.metadata.uid },
      type: 'Warning',
      reason: 'Tested',
      message: 'it was looked at',
      count: 3,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: new Date().toISOString(),
    } as never)
    const { code, out } = await bench.berth(['describe', 'vm', 'web'])
    expect(code).toBe(0)
    expect(out).toMatch(/^Name: {8}web\nNamespace: {3}default\nKind: .*\nLabels: {6}app=web\nCreated: /)
    expect(out).toContain('  cpu:\n    cores: 1\n')
    expect(out).toMatch(
      /Conditions:\n {2}TYPE +STATUS +REASON +SINCE +MESSAGE\n {2}Running +True +Running +\d+d +evil \\u001b\[31mred\n/,
    )
    expect(out).toMatch(/Events:\n {2}LAST SEEN .*\n {2}\d+s \(x3 over \d+d\) +Warning +Tested +it was looked at\n/)
  })

  it('shows only the size of a secret', async () => {
    const data = { key: Buffer.from('hush').toString('base64') }
    await bench.server.resources.create('secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      data,
    } as never)
    const { out } = await bench.berth(['describe', 'secret/s'])
    expect(out).toContain('key: 4 bytes')
    expect(out).not.toContain(data.key)
  })
})

describe('events', () => {
  it('shows those of one machine, and goes on with -w', async () => {
    const going = bench.begin(['events', 'web', '-w'])
    await eventually(() =>
      expect(going.out()).toMatch(/LAST SEEN .*\n.* Warning +Tested +virtualmachine\/web +it was looked at\n/),
    )
    for (const name of ['web', 'db'])
      await bench.server.resources.create('events', {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: `${name}.2`, namespace: 'default' },
        involvedObject: { kind: 'VirtualMachine', name },
        type: 'Normal',
        reason: 'Again',
        message: name,
      } as never)
    await eventually(() => expect(going.out()).toMatch(/Normal +Again +virtualmachine\/web +web\n$/))
    going.interrupt()
    await going.ended
    expect((await bench.berth(['events', 'db'])).out).toMatch(/Again +virtualmachine\/db +db\n$/)
    expect((await bench.berth(['events', 'none'])).err).toBe('no events found in namespace default\n')
  })
})

describe('host check', () => {
  it('lists what was found, with what to do about faults, and fails when something is missing', async () => {
    checks = [
      { id: 'libvirt', title: 'libvirt', status: 'ok', message: 'version 9.0.0', remedy: 'nothing' },
      {
        id: 'kvm',
        title: 'KVM',
        status: 'fail',
        message: 'slower than emulation',
        detail: '400 times',
        remedy: 'set accelerator',
      },
      { id: 'x', title: 'Later', status: 'something new', message: 'm' },
    ]
    const { code, out } = await bench.berth(['host', 'check'])
    expect(code).toBe(1)
    expect(out).toBe(
      [
        'Host h1',
        '  [ok]   libvirt: version 9.0.0',
        '  [FAIL] KVM: slower than emulation',
        '         400 times',
        '         -> set accelerator',
        '  [warn] Later: m',
        '',
        '1 good, 1 to look at, 1 missing',
        '',
      ].join('\n'),
    )
    const pretty = await bench.berth(['host', 'check'], { tty: true, env: { LANG: 'C.UTF-8' } })
    expect(pretty.out).toContain('  ✓ libvirt: version 9.0.0\n  ✗ KVM')
  })

  it('is content with warnings, and gives JSON as it came', async () => {
    checks = [{ id: 'a', title: 'A', status: 'warn', message: 'm' }]
    const { code, out } = await bench.berth(['host', 'check', '-o', 'json'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ nodeName: 'h1', checks })
  })
})

describe('the rest', () => {
  it('api-resources has one line per kind', async () => {
    expect((await bench.berth(['api-resources'])).out).toMatch(
      /\nvirtualmachines +vm +virtualization\.deckhouse\.io\/v1alpha2 +true +VirtualMachine\n/,
    )
  })

  it('version shows both, and a server out of reach is no error', async () => {
    expect((await bench.berth(['version'])).out).toMatch(/^Client: \d+\.\d+\.\d+\nServer: \S*9\.9\.9 \(unix:/)
    const alone = await bench.berth(['version', '--socket', '/nonexistent/s'])
    expect(alone.code).toBe(0)
    expect(alone.out).toContain('Server: no connection to unix:/nonexistent/s')
  })

  it('--help has examples and exits 0; a wrong verb exits 2 and names the nearest', async () => {
    const help = await bench.berth(['--help'])
    expect(help.code).toBe(0)
    expect(help.out).toContain('berth console web')
    const wrong = await bench.berth(['consol'])
    expect(wrong.code).toBe(2)
    expect(wrong.err).toContain('Did you mean console?')
  })

  it('colours are for terminals that want them', async () => {
    const coloured = await bench.berth(['get', 'vm'], { tty: true, env: { NO_COLOR: '' } })
    expect(coloured.out).toContain('\u001b[')
    expect((await bench.berth(['get', 'vm'], { tty: true })).out).not.toContain('\u001b[')
    expect((await bench.berth(['get', 'vm'], { env: { NO_COLOR: '' } })).out).not.toContain('\u001b[')
  })
})
