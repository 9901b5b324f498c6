// What people do with kubectl every day, with every kubectl at hand, over TLS with the kubeconfig that the server wrote.
import { basename } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Event } from '../../../schemas/index.ts'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'
import { Kubectl, kubectls } from './kubectl.ts'

const DISKS = 'virtualdisks.virtualization.deckhouse.io'

const disk = (name: string, size: string, labels = '') => `apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualDisk
metadata:
  name: ${name}${labels}
spec:
  persistentVolumeClaim:
    size: ${size}
`

describe.each(kubectls().map((program) => [basename(program), program]))('%s', (_name, program) => {
  let server: TestApiServer
  let kubectl: Kubectl
  beforeAll(async () => {
    server = await startApiServer()
    kubectl = new Kubectl(program, server)
  })
  afterAll(() => server.stop())

  const setStatus = async (name: string, status: Record<string, unknown>) => {
    const found = await server.server.resources.get(DISKS, { namespace: 'default', name })
    const uid = found?.metadata.uid ?? ''
    await server.server.resources.modifyStatus(DISKS, { namespace: 'default', name, uid }, () => status)
  }
  const ready = (status: string) => ({
    phase: status === 'True' ? 'Ready' : 'Pending',
    capacity: '1Gi',
    conditions: [
      {
        type: 'Ready',
        status,
        reason: 'Test',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
        observedGeneration: 1,
      },
    ],
  })

  it('names versions and resources', async () => {
    expect(await kubectl.ok(['version', '-o', 'yaml'])).toContain('berth')
    const resources = await kubectl.ok(['api-resources'])
    for (const name of ['virtualmachines', 'virtualdisks', 'secrets', 'namespaces', 'storageclasses'])
      expect(resources).toContain(name)
    expect(await kubectl.ok(['api-versions'])).toContain('virtualization.deckhouse.io/v1alpha2')
  })

  it('creates and gets, in every form', async () => {
    expect(await kubectl.ok(['create', '--validate=false', '-f', '-'], disk('d1', '1Gi'))).toContain('d1 created')
    await setStatus('d1', ready('True'))
    const table = (await kubectl.ok(['get', 'vd'])).split('\n')
    expect(table[0]).toMatch(/^NAME\s+PHASE\s+CAPACITY/)
    expect(table[1]).toMatch(/^d1\s+Ready\s+1Gi.*\d+s\s*$/)
    expect((await kubectl.ok(['get', 'vd', '-o', 'wide'])).length).toBeGreaterThan(table.join('\n').length)
    expect(await kubectl.ok(['get', 'vd', '-o', 'name'])).toBe('virtualdisk.virtualization.deckhouse.io/d1')
    expect(parse(await kubectl.ok(['get', 'vd', 'd1', '-o', 'yaml'])).spec.persistentVolumeClaim.size).toBe('1Gi')
    expect(JSON.parse(await kubectl.ok(['get', 'vd', '-o', 'json'])).items).toHaveLength(1)
    expect(await kubectl.ok(['get', 'vd', 'd1', '-o', 'jsonpath={.status.phase}'])).toBe('Ready')
    expect(await kubectl.ok(['get', 'vd', '-A'])).toMatch(/^NAMESPACE\s+NAME/)
    expect((await kubectl.run(['get', 'vd', 'absent'])).err).toContain(`${DISKS} "absent" not found`)
    expect(await kubectl.ok(['get', '--raw', '/readyz'])).toBe('ok')
  })

  it('describes, with events', async () => {
    const found = await server.server.resources.get(DISKS, { namespace: 'default', name: 'd1' })
    await server.server.resources.create<Event>('events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'd1.1', namespace: 'default' },
      involvedObject: { kind: 'VirtualDisk', namespace: 'default', name: 'd1', uid: found?.metadata.uid ?? '' },
      reason: 'Tested',
      message: 'it was tested',
      type: 'Normal',
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
    })
    const text = await kubectl.ok(['describe', 'vd', 'd1'])
    expect(text).toMatch(/Name:\s+d1/)
    expect(text).toContain('it was tested')
  })

  it('applies twice', async () => {
    const args = ['apply', '--validate=false', '-f', '-']
    expect(await kubectl.ok(args, disk('d2', '1Gi'))).toContain('d2 created')
    expect(await kubectl.ok(args, disk('d2', '1Gi'))).toContain('d2 unchanged')
    expect(await kubectl.ok(args, disk('d2', '2Gi', '\n  labels: {tier: a}'))).toContain('d2 configured')
    expect(
      await kubectl.ok([
        'get',
        'vd',
        'd2',
        '-o',
        'jsonpath={.spec.persistentVolumeClaim.size} {.metadata.labels.tier}',
      ]),
    ).toBe('2Gi a')
    expect(await kubectl.ok(args, disk('d2', '2Gi'))).toContain('d2 configured')
    expect(await kubectl.ok(['get', 'vd', 'd2', '-o', 'jsonpath={.metadata.labels}'])).toBe('')
  })

  it('applies core objects twice', async () => {
    const secret = (value: string) =>
      `apiVersion: v1\nkind: Secret\nmetadata: {name: s1}\nstringData: {a: "${value}", b: keep}\n`
    const args = ['apply', '--validate=false', '-f', '-']
    expect(await kubectl.ok(args, secret('one'))).toContain('s1 created')
    expect(await kubectl.ok(args, secret('two'))).toContain('s1 configured')
    expect(await kubectl.ok(['get', 'secret', 's1', '-o', 'jsonpath={.data.a} {.data.b}'])).toBe('dHdv a2VlcA==')
    const space = (label: string) =>
      `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: team\n  labels: {team: ${label}}\n`
    await kubectl.ok(args, space('a'))
    expect(await kubectl.ok(args, space('b'))).toContain('team configured')
  })

  it('validates on apply', async () => {
    const wrong = disk('d3', '1Gi').replace('size:', 'sise:')
    const { code, err } = await kubectl.run(['apply', '-f', '-'], wrong)
    expect(code).not.toBe(0)
    expect(err).toContain('spec.persistentVolumeClaim.sise')
    expect(await kubectl.ok(['apply', '-f', '-'], disk('d3', '1Gi'))).toContain('d3 created')
    expect(await kubectl.ok(['apply', '--dry-run=server', '-f', '-'], disk('d4', '1Gi'))).toContain('(server dry run)')
    expect((await kubectl.run(['get', 'vd', 'd4'])).code).not.toBe(0)
    expect(await kubectl.ok(['explain', 'virtualdisk.spec'])).toContain('persistentVolumeClaim')
  })

  it('patches and labels', async () => {
    await kubectl.ok(['patch', 'vd', 'd1', '--type=merge', '-p', '{"metadata":{"labels":{"x":"1"}}}'])
    const json = '[{"op":"replace","path":"/spec/persistentVolumeClaim/size","value":"3Gi"}]'
    await kubectl.ok(['patch', 'vd', 'd1', '--type=json', '-p', json])
    await kubectl.ok(['label', 'vd', 'd1', 'y=2', 'x-'])
    await kubectl.ok(['annotate', 'vd', 'd1', 'example.com/note=hello'])
    const object = JSON.parse(await kubectl.ok(['get', 'vd', 'd1', '-o', 'json']))
    expect([object.spec.persistentVolumeClaim.size, object.metadata.labels]).toEqual(['3Gi', { y: '2' }])
    expect(await kubectl.ok(['get', 'vd', '-l', 'y in (2,3),!x', '-o', 'name'])).toContain('/d1')
    expect(await kubectl.ok(['get', 'vd', '--field-selector', 'metadata.name=d1', '-o', 'name'])).toContain('/d1')
    const status = '{"status":{"phase":"Failed"}}'
    await kubectl.ok(['patch', 'vd', 'd1', '--subresource=status', '--type=merge', '-p', status])
    expect(await kubectl.ok(['get', 'vd', 'd1', '-o', 'jsonpath={.status.phase}'])).toBe('Failed')
  })

  it('watches', async () => {
    const watching = kubectl.start(['get', 'vd', '-w', '--request-timeout=30s'])
    const seen: string[] = []
    const waitFor = (text: RegExp) => expect.poll(() => seen.join(''), { timeout: 20_000, interval: 50 }).toMatch(text)
    watching.stdout?.on('data', (chunk: Buffer) => void seen.push(chunk.toString()))
    await waitFor(/d1 /)
    await kubectl.ok(['create', '--validate=false', '-f', '-'], disk('w1', '1Gi'))
    await waitFor(/w1 /)
    await setStatus('w1', ready('True'))
    await waitFor(/w1\s+Ready\s+1Gi/)
    watching.kill('SIGINT')
    await watching
  })

  it('waits for conditions, fields and deletion', async () => {
    await kubectl.ok(['create', '--validate=false', '-f', '-'], disk('wait', '1Gi'))
    const short = await kubectl.run(['wait', 'vd/wait', '--for=condition=Ready', '--timeout=1s'])
    expect(short.code).not.toBe(0)
    const condition = kubectl.ok(['wait', 'vd/wait', '--for=condition=Ready', '--timeout=30s'])
    const field = kubectl.ok(['wait', 'vd/wait', '--for=jsonpath={.status.phase}=Ready', '--timeout=30s'])
    await setStatus('wait', ready('False'))
    await setStatus('wait', ready('True'))
    expect(await condition).toContain('condition met')
    expect(await field).toContain('condition met')
    await kubectl.ok(['patch', 'vd', 'wait', '--type=merge', '-p', '{"metadata":{"finalizers":["berth/test"]}}'])
    await kubectl.ok(['delete', 'vd', 'wait', '--wait=false'])
    const gone = kubectl.ok(['wait', 'vd/wait', '--for=delete', '--timeout=30s'])
    await kubectl.ok(['patch', 'vd', 'wait', '--type=merge', '-p', '{"metadata":{"finalizers":null}}'])
    await gone
  })

  it('deletes', async () => {
    expect(await kubectl.ok(['delete', 'vd', 'd1'])).toContain('"d1" deleted')
    expect(await kubectl.ok(['delete', '-f', '-'], disk('d2', '1Gi'))).toContain('deleted')
    expect(await kubectl.ok(['delete', 'vd', 'd1', '--ignore-not-found'])).toBe('')
    expect(await kubectl.ok(['delete', 'vd', '--all'])).toContain('"w1" deleted')
    expect((await kubectl.run(['get', 'vd'])).err).toContain('No resources found')
  })

  it('is refused without the token', async () => {
    const { code, err } = await kubectl.run(['get', 'vd', '--token=wrong'])
    expect([code, err]).toEqual([1, expect.stringMatching(/logged in|Unauthorized/)])
  })
})
