// `kubectl apply`, in both ways, and what goes with it: diff, dry run, validation.
import { expect, it } from 'vitest'
import { disk, withKubectls } from './kubectl.ts'
import { inFull } from './programs.ts'

const SIZE = 'jsonpath={.spec.persistentVolumeClaim.size}'
const APPLY = ['apply', '-f', '-']
const SERVER_SIDE = ['apply', '--server-side', '-f', '-']
const secret = (value: string) =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: s1}\nstringData: {a: "${value}", b: keep}\n`

withKubectls(inFull(), (world) => {
  const managers = async (name: string) =>
    ((await world.kubectl.object('vd', name)).metadata.managedFields ?? []).map(
      ({ manager, operation }) => `${manager} ${operation}`,
    )

  it('applies, changes, takes away', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(APPLY, disk('d1', '1Gi'))).toContain('d1 created')
    expect(await kubectl.ok(APPLY, disk('d1', '1Gi'))).toContain('d1 unchanged')
    expect(await kubectl.ok(APPLY, disk('d1', '2Gi', '{tier: a}'))).toContain('d1 configured')
    expect(await kubectl.ok(['get', 'vd', 'd1', '-o', `${SIZE} {.metadata.labels.tier}`])).toBe('2Gi a')
    expect(await kubectl.ok(APPLY, disk('d1', '2Gi'))).toContain('d1 configured')
    expect(await kubectl.ok(['get', 'vd', 'd1', '-o', 'jsonpath={.metadata.labels}'])).toBe('')
  })

  it('applies core objects twice, by strategic merge', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(APPLY, secret('one'))).toContain('s1 created')
    expect(await kubectl.ok(APPLY, secret('two'))).toContain('s1 configured')
    expect(await kubectl.ok(['get', 'secret', 's1', '-o', 'jsonpath={.data.a} {.data.b}'])).toBe('dHdv a2VlcA==')
    const map = (text: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c1}\ndata: {${text}}\n`
    await kubectl.ok(APPLY, map('a: x, b: w'))
    expect(await kubectl.ok(APPLY, map('a: z'))).toContain('c1 configured')
    expect(await kubectl.ok(['get', 'cm', 'c1', '-o', 'jsonpath={.data}'])).toBe('{"a":"z"}')
  })

  it('validates', async () => {
    const { kubectl } = world
    const wrong = disk('bad', '1Gi').replace('size:', 'sise:')
    for (const args of [APPLY, SERVER_SIDE])
      expect(await kubectl.fails(args, wrong)).toContain('spec.persistentVolumeClaim.sise')
    expect(await kubectl.fails(APPLY, disk('bad', 'much'))).toMatch(/VirtualDisk.*"bad" is invalid.*size/)
    expect(
      await kubectl.ok(['apply', '--validate=warn', '-f', '-'], wrong.replace('sise', 'size: 1Gi\n    sise')),
    ).toContain('created')
  })

  it('is a dry run on the server', async () => {
    const { kubectl } = world
    for (const args of [APPLY, SERVER_SIDE])
      expect(await kubectl.ok([...args, '--dry-run=server'], disk('dry', '1Gi'))).toMatch(
        /(server dry run|serverside-applied)/,
      )
    expect((await kubectl.run(['get', 'vd', 'dry'])).code).toBe(1)
    expect(await kubectl.ok(['create', '--dry-run=server', '-f', '-', '-o', SIZE], disk('dry', '3Gi'))).toBe('3Gi')
    expect(
      await kubectl.ok([
        'patch',
        'vd',
        'd1',
        '--dry-run=server',
        '--type=merge',
        '-p',
        '{"metadata":{"labels":{"x":"1"}}}',
      ]),
    ).toContain('patched')
    expect(await kubectl.ok(['delete', 'vd', 'd1', '--dry-run=server'])).toContain('deleted')
    expect(await kubectl.ok(['label', 'vd', 'd1', '--dry-run=server', 'x=1'])).toContain('labeled')
    expect(await kubectl.ok(['get', 'vd', 'd1', '-o', 'jsonpath={.metadata.labels}'])).toBe('')
  })

  it('shows what would change', async () => {
    const { kubectl } = world
    for (const args of [
      ['diff', '-f', '-'],
      ['diff', '--server-side', '--force-conflicts', '-f', '-'],
    ]) {
      const { code, out } = await kubectl.run(args, disk('d1', '9Gi'))
      expect([code, out]).toEqual([1, expect.stringMatching(/-\s+size: 2Gi\n\+\s+size: 9Gi/)])
    }
    expect((await kubectl.run(['diff', '-f', '-'], disk('d1', '2Gi'))).code).toBe(0)
    expect((await kubectl.run(['diff', '-f', '-'], disk('fresh', '2Gi'))).out).toContain('+  name: fresh')
  })

  it('applies on the server, the owner of what it applies', async () => {
    const { kubectl } = world
    const by = (manager: string, ...more: string[]) => [...SERVER_SIDE, `--field-manager=${manager}`, ...more]
    expect(await kubectl.ok(SERVER_SIDE, disk('s', '1Gi', '{a: "1", b: "2"}'))).toContain('serverside-applied')
    expect(await kubectl.ok(SERVER_SIDE, disk('s', '1Gi', '{b: "2"}'))).toContain('serverside-applied')
    expect((await kubectl.object('vd', 's')).metadata.labels).toEqual({ b: '2' })
    expect(await managers('s')).toEqual(['kubectl Apply'])
    const refused = await kubectl.fails(by('other'), disk('s', '2Gi'))
    expect(refused).toContain('Apply failed with 1 conflict: conflict with "kubectl": .spec.persistentVolumeClaim.size')
    expect(await kubectl.ok(by('other', '--force-conflicts'), disk('s', '2Gi'))).toContain('serverside-applied')
    expect(await managers('s')).toEqual(['kubectl Apply', 'other Apply'])
    await kubectl.ok(by('labels'), disk('s', '2Gi', '{c: "3"}'))
    expect((await kubectl.object('vd', 's')).metadata.labels).toEqual({ b: '2', c: '3' })
    expect(await kubectl.ok(['get', 'vd', 's', '-o', 'yaml'])).not.toContain('managedFields')
  })

  it('applies core objects on the server', async () => {
    const { kubectl } = world
    const named = (value: string) => secret(value).replace('s1', 's2')
    expect(await kubectl.ok(SERVER_SIDE, named('one'))).toContain('s2 serverside-applied')
    expect(await kubectl.ok(SERVER_SIDE, named('two').replace(', b: keep', ''))).toContain('s2 serverside-applied')
    expect(await kubectl.ok(['get', 'secret', 's2', '-o', 'jsonpath={.data}'])).toBe('{"a":"dHdv"}')
  })

  it('moves from client-side apply to server-side apply', async () => {
    const { kubectl } = world
    await kubectl.ok(APPLY, disk('move', '1Gi', '{a: "1", b: "2"}'))
    expect(await managers('move')).toEqual(['kubectl-client-side-apply Update'])
    expect(await kubectl.ok(SERVER_SIDE, disk('move', '1Gi', '{b: "2"}'))).toContain('serverside-applied')
    expect((await kubectl.object('vd', 'move')).metadata.labels).toEqual({ b: '2' })
    expect(await managers('move')).toContain('kubectl Apply')
    // And back: a client-side apply goes on to work.
    expect(await kubectl.ok(APPLY, disk('move', '2Gi', '{b: "3"}'))).toContain('configured')
  })

  it('prunes what files no longer have', async () => {
    const { kubectl } = world
    const prune = ['--prune', '-l', 'set=p', '--prune-allowlist=virtualization.deckhouse.io/v1alpha2/VirtualDisk']
    await kubectl.ok(APPLY, `${disk('p1', '1Gi', '{set: p}')}---\n${disk('p2', '1Gi', '{set: p}')}`)
    expect(await kubectl.ok([...APPLY, ...prune], disk('p1', '1Gi', '{set: p}'))).toContain('p2 pruned')
    expect(await kubectl.ok(['get', 'vd', '-l', 'set=p', '-o', 'name'])).toBe(
      `virtualdisk.virtualization.deckhouse.io/p1`,
    )
  })

  it('views and sets the last applied configuration', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(['apply', 'view-last-applied', 'vd/d1'])).toContain('size: 2Gi')
    const set = ['apply', 'set-last-applied', '--create-annotation', '-f', '-']
    expect(await kubectl.ok(set, disk('d1', '2Gi', '{x: "1"}'))).toContain('configured')
    expect(await kubectl.ok(['apply', 'view-last-applied', 'vd/d1'])).toContain('x: "1"')
  })
})
