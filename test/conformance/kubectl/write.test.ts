// Everything by which kubectl changes one object: create, replace, edit, label, annotate, patch; and what cannot be done.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { disk, withKubectls } from './kubectl.ts'
import { inFull } from './programs.ts'

const SIZE = 'jsonpath={.spec.persistentVolumeClaim.size}'
/** What `edit` starts: replaces by sed what the environment says, once per call. */
const EDITOR = '#!/bin/sh\nsed -i "$BERTH_TEST_EDIT" "$1"\n'

withKubectls(inFull(), (world) => {
  const size = (name: string) => world.kubectl.ok(['get', 'vd', name, '-o', SIZE])
  let editor = ''
  beforeAll(() => {
    editor = join(world.server.folder, 'editor')
    writeFileSync(editor, EDITOR)
    chmodSync(editor, 0o755)
  })
  const edit = (script: string, ...args: string[]) =>
    world.kubectl.run(['edit', ...args], '', { KUBE_EDITOR: editor, BERTH_TEST_EDIT: script })

  it('creates from files and from words', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(['create', '-f', '-'], disk('c', '1Gi'))).toContain('c created')
    expect(await kubectl.fails(['create', '-f', '-'], disk('c', '1Gi'))).toContain('already exists')
    const generated = disk('c', '1Gi').replace('name: c', 'generateName: made-')
    expect(await kubectl.ok(['create', '-f', '-', '-o', 'name'], generated)).toMatch(/\/made-[a-z0-9]{5}$/)
    const literal = ['--from-literal=a=1']
    expect(await kubectl.ok(['create', 'configmap', 'cm', ...literal])).toContain('created')
    expect(await kubectl.ok(['create', 'secret', 'generic', 'sec', ...literal])).toContain('created')
    expect(await kubectl.ok(['get', 'secret', 'sec', '-o', 'jsonpath={.data.a}'])).toBe('MQ==')
    expect(await kubectl.ok(['create', 'namespace', `${kubectl.namespace}-more`])).toContain('created')
    expect(await kubectl.fails(['create', 'configmap', 'big', `--from-literal=a b=1`])).toMatch(/a b/)
  })

  it('replaces', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(['replace', '-f', '-'], disk('c', '2Gi'))).toContain('replaced')
    expect(await size('c')).toBe('2Gi')
    const stale = disk('c', '3Gi').replace('name: c', 'name: c\n  resourceVersion: "1"')
    expect(await kubectl.fails(['replace', '-f', '-'], stale)).toContain('the object has been modified')
    expect(await kubectl.fails(['replace', '-f', '-'], disk('absent', '1Gi'))).toContain('not found')
    const { metadata } = await kubectl.object('vd', 'c')
    expect(await kubectl.ok(['replace', '--force', '-f', '-'], disk('c', '1Gi'))).toContain('replaced')
    expect((await kubectl.object('vd', 'c')).metadata.uid).not.toBe(metadata.uid)
  })

  it('edits', async () => {
    const { kubectl } = world
    expect((await edit('s/size: 1Gi/size: 4Gi/', 'vd', 'c')).out).toContain('edited')
    expect(await size('c')).toBe('4Gi')
    const { err } = await edit('s/nothing-like-this//', 'vd', 'c')
    expect(err).toContain('no changes made')
    const wrong = await edit('s/size: 4Gi/sise: 5Gi/', 'vd', 'c')
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringMatching(/sise|is invalid/)])
    expect(await size('c')).toBe('4Gi')
    expect((await edit('s/^  a: MQ==/  a: Mg==/', 'secret', 'sec')).out).toContain('edited')
    expect(await kubectl.ok(['get', 'secret', 'sec', '-o', 'jsonpath={.data.a}'])).toBe('Mg==')
  })

  it('labels and annotates', async () => {
    const { kubectl } = world
    await kubectl.ok(['label', 'vd', 'c', 'y=2', 'z=3'])
    await kubectl.ok(['label', 'vd', 'c', 'z-'])
    expect(await kubectl.fails(['label', 'vd', 'c', 'y=3'])).toContain('already has a value')
    await kubectl.ok(['label', 'vd', 'c', '--overwrite', 'y=4'])
    await kubectl.ok(['annotate', 'vd', '--all', 'example.com/note=hello'])
    const { metadata } = await kubectl.object('vd', 'c')
    expect([metadata.labels, metadata.annotations]).toEqual([{ y: '4' }, { 'example.com/note': 'hello' }])
    expect(await kubectl.fails(['label', 'vd', 'c', 'a=b c'])).toMatch(/label/)
  })

  it('patches, each type where it belongs', async () => {
    const { kubectl } = world
    await kubectl.ok(['patch', 'vd', 'c', '--type=merge', '-p', '{"spec":{"persistentVolumeClaim":{"size":"5Gi"}}}'])
    expect(await size('c')).toBe('5Gi')
    const json = '[{"op":"replace","path":"/spec/persistentVolumeClaim/size","value":"6Gi"}]'
    await kubectl.ok(['patch', 'vd', 'c', '--type=json', '-p', json])
    expect(await size('c')).toBe('6Gi')
    const test = '[{"op":"test","path":"/spec/persistentVolumeClaim/size","value":"1Gi"}]'
    expect(await kubectl.fails(['patch', 'vd', 'c', '--type=json', '-p', test])).toContain('does not apply')
    expect(await kubectl.fails(['patch', 'vd', 'c', '-p', '{"spec":{}}'])).toContain('strategic-merge-patch+json')
    await kubectl.ok(['patch', 'cm', 'cm', '-p', '{"data":{"b":"2","a":null}}'])
    expect(await kubectl.ok(['get', 'cm', 'cm', '-o', 'jsonpath={.data}'])).toBe('{"b":"2"}')
    const status = ['patch', 'vd', 'c', '--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Failed"}}']
    await kubectl.ok(status)
    expect(await kubectl.ok(['get', 'vd', 'c', '-o', 'jsonpath={.status.phase}'])).toBe('Failed')
    expect(await kubectl.ok(['get', 'vd', 'c', '--subresource=status', '-o', 'jsonpath={.status.phase}'])).toBe(
      'Failed',
    )
  })

  it('keeps an immutable ConfigMap as it is', async () => {
    const { kubectl } = world
    await kubectl.ok(['patch', 'cm', 'cm', '--type=merge', '-p', '{"immutable":true}'])
    const { err } = await kubectl.run(['patch', 'cm', 'cm', '--type=merge', '-p', '{"data":{"b":"3"}}'])
    expect(err).toContain('cannot be changed while immutable is true')
  })

  it('says what cannot be done, and what does the job', async () => {
    const { kubectl } = world
    expect(await kubectl.fails(['scale', 'vd/c', '--replicas=2'])).toContain('cannot be scaled')
    for (const args of [
      ['logs', 'web'],
      ['exec', 'web', '--', 'ls'],
      ['attach', 'web'],
      ['port-forward', 'web', '8080:80'],
    ])
      expect(await kubectl.fails(args)).toContain('"berth console web"')
    expect(await kubectl.fails(['run', 'web', '--image=x'])).toContain('virtual machines, not pods')
    expect(await kubectl.fails(['get', 'pods'])).toContain('kubectl get vm')
    expect(await kubectl.fails(['create', 'deployment', 'x', '--image=y'])).toMatch(
      /apps\/v1|Deployment|could not find/,
    )
  })
})
