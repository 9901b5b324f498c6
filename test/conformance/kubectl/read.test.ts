// Everything by which kubectl shows what there is.
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Event } from '../../../schemas/index.ts'
import { KINDS } from '../../../schemas/index.ts'
import { DISKS, disk, setStatus, withKubectls } from './kubectl.ts'
import { inFull } from './programs.ts'

withKubectls(inFull(), (world) => {
  it('names versions and resources', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(['version', '-o', 'yaml'])).toContain('berth')
    const resources = await kubectl.ok(['api-resources', '-o', 'name'])
    for (const { resource } of KINDS) expect(resources.split('\n')).toContain(resource)
    expect(resources).not.toContain('pods')
    expect(await kubectl.ok(['api-resources', '--namespaced=false', '-o', 'name'])).not.toContain('virtualdisks')
    expect(await kubectl.ok(['api-resources', '--verbs=list,watch', '--api-group=storage.k8s.io'])).toContain(
      'StorageClass',
    )
    expect(await kubectl.ok(['api-versions'])).toContain('virtualization.deckhouse.io/v1alpha2')
  })

  it('explains every kind, and all of a machine', async () => {
    const { kubectl } = world
    for (const { plural, group } of KINDS)
      expect(await kubectl.ok(['explain', group === '' ? plural : `${plural}.${group}`])).toMatch(/KIND:|DESCRIPTION/)
    const all = await kubectl.ok(['explain', 'virtualmachine', '--recursive'])
    for (const field of ['blockDeviceRefs', 'coreFraction', 'conditions', 'ownerReferences'])
      expect(all).toContain(field)
    expect(await kubectl.ok(['explain', 'vm.spec.cpu.cores'])).toContain('integer')
    const old = ['explain', 'virtualmachineclass.spec.sizingPolicies.coreFractions', '--api-version']
    expect(await kubectl.ok([...old, 'virtualization.deckhouse.io/v1alpha2'])).toContain('integer')
    expect(await kubectl.ok([...old, 'virtualization.deckhouse.io/v1alpha3'])).toContain('string')
    expect(await kubectl.fails(['explain', 'vm.spec.nothing'])).toMatch(/does not exist/)
  })

  it('gets, in every form', async () => {
    const { kubectl } = world
    await kubectl.ok(['create', '-f', '-'], disk('d1', '1Gi', '{tier: a, x: "1"}'))
    await setStatus(world, 'd1', 'True')
    const table = (await kubectl.ok(['get', 'vd'])).split('\n')
    expect(table[0]).toMatch(/^NAME\s+PHASE\s+CAPACITY/)
    expect(table[1]).toMatch(/^d1\s+Ready\s+1Gi.*\d+s\s*$/)
    expect((await kubectl.ok(['get', 'vd', '-o', 'wide'])).length).toBeGreaterThan(table.join('\n').length)
    expect(await kubectl.ok(['get', 'vd', '-o', 'name'])).toBe('virtualdisk.virtualization.deckhouse.io/d1')
    expect(await kubectl.ok(['get', 'vd/d1', '--show-labels', '-L', 'tier'])).toMatch(/TIER.*\n.* a\s+tier=a,x=1/)
    expect(parse(await kubectl.ok(['get', 'vd', 'd1', '-o', 'yaml'])).spec.persistentVolumeClaim.size).toBe('1Gi')
    expect(JSON.parse(await kubectl.ok(['get', 'vd', '-o', 'json'])).items).toHaveLength(1)
    expect(await kubectl.ok(['get', 'vd', 'd1', '-o', 'jsonpath={.status.phase}'])).toBe('Ready')
    expect(await kubectl.ok(['get', 'vd', 'd1', '-o', 'go-template={{.spec.persistentVolumeClaim.size}}'])).toBe('1Gi')
    const columns = 'custom-columns=N:.metadata.name,S:.spec.persistentVolumeClaim.size'
    expect(await kubectl.ok(['get', 'vd', '-o', columns])).toMatch(/^N\s+S\nd1\s+1Gi\s*$/)
    expect(await kubectl.ok(['get', 'vd', '-A'])).toMatch(/^NAMESPACE\s+NAME/)
    expect(await kubectl.fails(['get', 'vd', 'absent'])).toContain(`${DISKS} "absent" not found`)
    expect(await kubectl.ok(['get', '--raw', '/readyz'])).toBe('ok')
    expect((await kubectl.run(['get', 'vm,vi,cvi'])).err).toContain('No resources found')
  })

  it('selects, sorts, and reads in chunks', async () => {
    const { kubectl } = world
    const sizes = ['3Gi', '1Gi', '2Gi'].map((size, index) => disk(`many${index}`, size, `{many: "${index}"}`))
    await kubectl.ok(['create', '-f', '-'], sizes.join('---\n'))
    const names = (text: string) => text.split('\n').map((line) => line.split('/').at(-1))
    const list = ['get', 'vd', '-o', 'name']
    expect(names(await kubectl.ok([...list, '-l', 'many in (0,2),!tier']))).toEqual(['many0', 'many2'])
    expect(names(await kubectl.ok([...list, '-l', 'many!=1,many']))).toEqual(['many0', 'many2'])
    expect(names(await kubectl.ok([...list, '--field-selector', 'metadata.name=many1']))).toEqual(['many1'])
    expect(await kubectl.fails([...list, '--field-selector', 'spec.x=1'])).toContain('cannot be selected by spec.x')
    const bySize = [...list, '-l', 'many', '--sort-by', '.spec.persistentVolumeClaim.size']
    expect(names(await kubectl.ok(bySize))).toEqual(['many1', 'many2', 'many0'])
    expect(await kubectl.ok(['get', 'vd', '-l', 'many', '--sort-by', '{.metadata.labels.many}'])).toMatch(
      /many0[\s\S]*many1[\s\S]*many2/,
    )
    expect(names(await kubectl.ok([...list, '--chunk-size=1']))).toEqual(['d1', 'many0', 'many1', 'many2'])
    expect((await kubectl.ok(['get', 'vd', '--chunk-size=2'])).split('\n')).toHaveLength(5)
  })

  it('describes, with events, and shows events', async () => {
    const { kubectl, server } = world
    const { metadata } = await kubectl.object('vd', 'd1')
    for (const [name, type, at] of [
      ['d1.1', 'Normal', 10],
      ['d1.2', 'Warning', 20],
    ] as const)
      await server.server.resources.create<Event>('events', {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name, namespace: kubectl.namespace },
        involvedObject: {
          apiVersion: 'virtualization.deckhouse.io/v1alpha2',
          kind: 'VirtualDisk',
          namespace: kubectl.namespace,
          name: 'd1',
          uid: metadata.uid,
        },
        reason: 'Tested',
        message: `it was tested as ${type}`,
        type,
        firstTimestamp: `2026-01-01T00:00:${at}Z`,
        lastTimestamp: `2026-01-01T00:00:${at}Z`,
        count: 1,
      })
    const text = await kubectl.ok(['describe', 'vd', 'd1'])
    expect(text).toMatch(/Name:\s+d1/)
    expect(text).toContain('it was tested')
    expect(await kubectl.ok(['events', '--for', 'virtualdisk/d1'])).toMatch(/Normal[\s\S]*Warning/)
    expect(await kubectl.ok(['events', '--types=Warning'])).not.toContain('as Normal')
    expect(
      await kubectl.ok(['get', 'events', '--field-selector', 'type=Warning,involvedObject.name=d1', '-o', 'name']),
    ).toBe('event/d1.2')
    expect(await kubectl.ok(['get', 'ev', '-A', '--sort-by=.lastTimestamp'])).toMatch(/as Normal[\s\S]*as Warning/)
  })

  it('is refused without the token', async () => {
    const { code, err } = await world.kubectl.run(['get', 'vd', '--token=wrong'])
    expect([code, err]).toEqual([1, expect.stringMatching(/logged in|Unauthorized/)])
  })
})
