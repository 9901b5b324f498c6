// Versions that ask the server for no validation (Debian 12 has 1.20): with --validate=false, and what they cannot do.
import { expect, it } from 'vitest'
import { disk, setStatus, withKubectls } from './kubectl.ts'
import { programs, validates } from './programs.ts'

const old = programs().filter((program) => !validates(program))
const NO_CHECK = '--validate=false'
const SIZE = 'jsonpath={.spec.persistentVolumeClaim.size}'

if (old.length === 0)
  it('has nothing to do: every kubectl here validates', () => expect(programs().every(validates)).toBe(true))

withKubectls(old, (world) => {
  it('applies, replaces, patches', async () => {
    const { kubectl } = world
    const apply = ['apply', NO_CHECK, '-f', '-']
    expect(await kubectl.ok(apply, disk('d', '1Gi'))).toContain('created')
    expect(await kubectl.ok(apply, disk('d', '1Gi'))).toContain('unchanged')
    expect(await kubectl.ok(apply, disk('d', '2Gi', '{a: "1"}'))).toContain('configured')
    expect(await kubectl.fails(apply, disk('d', 'much'))).toContain('is invalid')
    await kubectl.ok(['replace', NO_CHECK, '-f', '-'], disk('d', '3Gi'))
    await kubectl.ok(['patch', 'vd', 'd', '--type=merge', '-p', '{"spec":{"persistentVolumeClaim":{"size":"4Gi"}}}'])
    expect(await kubectl.ok(['get', 'vd', 'd', '-o', SIZE])).toBe('4Gi')
    const secret = (value: string) => `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: "${value}"}\n`
    await kubectl.ok(apply, secret('one'))
    expect(await kubectl.ok(apply, secret('two'))).toContain('configured')
    expect(await kubectl.ok(['create', 'configmap', 'c', '--from-literal=a=1'])).toContain('created')
  })

  it('applies on the server, edits, labels', async () => {
    const { kubectl } = world
    const apply = ['apply', '--server-side', NO_CHECK, '-f', '-']
    expect(await kubectl.ok(apply, disk('s', '1Gi', '{a: "1"}'))).toContain('serverside-applied')
    expect(await kubectl.ok(apply, disk('s', '1Gi'))).toContain('serverside-applied')
    expect((await kubectl.object('vd', 's')).metadata.labels).toBeUndefined()
    expect(await kubectl.ok(['edit', NO_CHECK, 'vd', 's'], '', { KUBE_EDITOR: 'sed -i s/1Gi/2Gi/' })).toContain(
      'edited',
    )
    expect(await kubectl.ok(['get', 'vd', 's', '-o', SIZE])).toBe('2Gi')
    expect(await kubectl.ok(['label', 'vd', 's', 'x=1'])).toContain('labeled')
    await kubectl.ok(['delete', 'vd', 's'])
  })

  it('says that it cannot ask for dry runs and explanations', async () => {
    const { kubectl } = world
    for (const args of [
      ['diff', '-f', '-'],
      ['apply', '--dry-run=server', NO_CHECK, '-f', '-'],
    ])
      expect(await kubectl.fails(args, disk('d', '9Gi'))).toContain("doesn't support dry-run")
    expect(await kubectl.fails(['explain', 'vd.spec'])).toContain("couldn't find resource")
    expect(await kubectl.ok(['get', 'vd', 'd', '-o', SIZE])).toBe('4Gi')
  })

  it('reads, watches for conditions, deletes', async () => {
    const { kubectl } = world
    await setStatus(world, 'd', 'True')
    expect(await kubectl.ok(['get', 'vd'])).toMatch(/d\s+Ready\s+1Gi/)
    expect(await kubectl.ok(['wait', 'vd/d', '--for=condition=Ready', '--timeout=30s'])).toContain('condition met')
    expect(await kubectl.ok(['describe', 'vd', 'd'])).toMatch(/Name:\s+d/)
    expect(await kubectl.ok(['get', 'vd', '-A', '--sort-by=.metadata.name', '--chunk-size=1'])).toContain('d')
    expect(await kubectl.ok(['get', 'vd', '-o', 'custom-columns=N:.metadata.name'])).toMatch(/^N\nd/)
    expect(await kubectl.ok(['delete', 'vd', 'd', '--cascade=background'])).toContain('deleted')
  })
})
