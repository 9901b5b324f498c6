// The versions between the oldest and the newest: one walk through everything that versions of kubectl do differently.
import { expect, it } from 'vitest'
import { disk, setStatus, withKubectls } from './kubectl.ts'
import { inFull, programs, validates } from './programs.ts'

const full = inFull().map(({ version }) => version)
const others = programs().filter((program) => validates(program) && !full.includes(program.version))

it('leaves no version out', () => {
  expect([...full, ...others.map(({ version }) => version)].sort()).toEqual(
    programs()
      .filter(validates)
      .map(({ version }) => version)
      .sort(),
  )
})

withKubectls(others, (world) => {
  it('creates, applies in both ways, reads, waits, deletes', async () => {
    const { kubectl } = world
    expect(await kubectl.ok(['api-resources', '-o', 'name'])).toContain('virtualmachines')
    expect(await kubectl.ok(['explain', 'virtualdisk.spec'])).toContain('persistentVolumeClaim')
    expect(await kubectl.ok(['create', 'configmap', 'c', '--from-literal=a=1'])).toContain('created')
    expect(await kubectl.ok(['patch', 'cm', 'c', '-p', '{"data":{"a":"2"}}'])).toContain('patched')
    expect(await kubectl.ok(['apply', '-f', '-'], disk('d', '1Gi'))).toContain('created')
    expect(await kubectl.fails(['apply', '-f', '-'], disk('e', '1Gi').replace('size', 'sise'))).toContain('sise')
    expect((await kubectl.run(['diff', '-f', '-'], disk('d', '2Gi'))).code).toBe(1)
    expect(await kubectl.ok(['apply', '--server-side', '-f', '-'], disk('d', '2Gi'))).toContain('serverside-applied')
    expect(await kubectl.ok(['label', 'vd', 'd', 'x=1'])).toContain('labeled')
    const waiting = kubectl.ok(['wait', 'vd/d', '--for=condition=Ready', '--timeout=50s'])
    await setStatus(world, 'd', 'True')
    expect(await waiting).toContain('condition met')
    expect(await kubectl.ok(['get', 'vd', '-A', '-l', 'x=1', '--chunk-size=1'])).toMatch(/d\s+Ready\s+1Gi/)
    expect(await kubectl.fails(['logs', 'web'])).toContain('berth console web')
    expect(await kubectl.ok(['delete', 'vd', 'd'])).toContain('deleted')
  })
})
