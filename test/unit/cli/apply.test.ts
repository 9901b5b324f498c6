// `berth apply`, `create` and `delete` against a real API server.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { scratch } from '../../support/scratch.ts'
import { type Bench, startBench, VM } from './harness.ts'

let bench: Bench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())

const manifest = (...objects: readonly object[]) => objects.map((object) => stringify(object)).join('---\n')
const secret = (name: string, fields: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, ...fields })

async function read(kind: string, name: string) {
  const { out } = await bench.berth(['get', kind, name, '-o', 'json'])
  return JSON.parse(out)
}

describe('apply', () => {
  it('creates, then finds nothing to do, then changes', async () => {
    const first = await bench.berth(['apply', '-f', '-'], { stdin: manifest(VM('web')) })
    expect(first).toEqual({ code: 0, err: '', out: 'virtualmachine.virtualization.deckhouse.io/web created\n' })
    expect((await bench.berth(['apply', '-f', '-'], { stdin: manifest(VM('web')) })).out).toMatch(/web unchanged\n$/)
    const changed = manifest(VM('web', { cpu: { cores: 2 } }))
    expect((await bench.berth(['apply', '-f', '-'], { stdin: changed })).out).toMatch(/web configured\n$/)
    expect((await read('vm', 'web')).spec.cpu.cores).toBe(2)
  })

  it('removes what the file no longer has and leaves what others set', async () => {
    const labelled = (labels: object) => manifest({ ...VM('labels'), metadata: { name: 'labels', labels } })
    await bench.berth(['apply', '-f', '-'], { stdin: labelled({ mine: 'a', old: 'b' }) })
    await bench.server.resources.modify(
      'virtualmachines.virtualization.deckhouse.io',
      { namespace: 'default', name: 'labels' },
      (vm) => ({
        ...vm,
        metadata: { ...vm.metadata, labels: { ...vm.metadata.labels, theirs: 'c' } },
      }),
    )
    expect((await bench.berth(['apply', '-f', '-'], { stdin: labelled({ mine: 'x' }) })).code).toBe(0)
    expect((await read('vm', 'labels')).metadata.labels).toEqual({ mine: 'x', theirs: 'c' })
  })

  it('goes on after an error, names the file, the line and the field, and exits 1', async () => {
    const folder = scratch()
    const path = join(folder, 'two.yaml')
    writeFileSync(path, manifest(VM('bad', { cpu: { cores: 'many' }, memry: {} }), VM('good')))
    const { code, out, err } = await bench.berth(['apply', '-f', path])
    expect(code).toBe(1)
    expect(out).toBe('virtualmachine.virtualization.deckhouse.io/good created\n')
    expect(err).toMatch(/^error: .*two\.yaml:1: /)
    expect(err).toContain('spec.cpu.cores')
    expect(err).toContain('spec.memry')
  })

  it('reads the files of a folder by name, and a List', async () => {
    const folder = scratch()
    mkdirSync(join(folder, 'deeper'))
    writeFileSync(
      join(folder, '2.json'),
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [secret('s2', {}), secret('s3', {})] }),
    )
    writeFileSync(join(folder, '1.yml'), manifest(secret('s1', {})))
    writeFileSync(join(folder, 'notes.txt'), 'not: [yaml')
    const { code, out } = await bench.berth(['apply', '-f', folder])
    expect({ code, out }).toEqual({ code: 0, out: 'secret/s1 created\nsecret/s2 created\nsecret/s3 created\n' })
  })

  it('takes the namespace of -n and refuses another in the file', async () => {
    const other = { ...VM('far'), metadata: { name: 'far', namespace: 'other' } }
    expect((await bench.berth(['apply', '-f', '-', '-n', 'other'], { stdin: manifest(VM('near')) })).code).toBe(0)
    expect((await bench.berth(['get', 'vm', '-n', 'other', '-o', 'name'])).out).toBe(
      'virtualmachine.virtualization.deckhouse.io/near\n',
    )
    const clash = await bench.berth(['apply', '-f', '-', '-n', 'default'], { stdin: manifest(other) })
    expect(clash.code).toBe(1)
    expect(clash.err).toContain('metadata.namespace: the object says other, the command line says default')
  })

  it('never writes a secret value into the record of what was applied, and still removes keys', async () => {
    const stdin = manifest(secret('keys', { stringData: { one: 'hush', two: 'quiet' } }))
    await bench.berth(['apply', '-f', '-'], { stdin })
    const stored = await read('secret', 'keys')
    expect(stored.data).toEqual({ one: 'aHVzaA==', two: 'cXVpZXQ=' })
    expect(JSON.stringify(stored.metadata.annotations)).not.toMatch(/hush|aHVzaA|quiet/)
    expect((await bench.berth(['apply', '-f', '-'], { stdin })).out).toBe('secret/keys unchanged\n')
    await bench.berth(['apply', '-f', '-'], { stdin: manifest(secret('keys', { stringData: { one: 'hush' } })) })
    expect((await read('secret', 'keys')).data).toEqual({ one: 'aHVzaA==' })
  })

  it('an object that was exported whole can be applied again', async () => {
    await bench.berth(['apply', '-f', '-'], { stdin: manifest(VM('export')) })
    const { out } = await bench.berth(['get', 'vm', 'export', '-o', 'yaml'])
    expect((await bench.berth(['apply', '-f', '-'], { stdin: out.replace('cores: 1', 'cores: 4') })).out).toMatch(
      /configured/,
    )
    expect((await read('vm', 'export')).spec.cpu.cores).toBe(4)
  })

  it('--dry-run stores nothing', async () => {
    const { out } = await bench.berth(['apply', '--dry-run', '-f', '-'], { stdin: manifest(VM('dry')) })
    expect(out).toBe('virtualmachine.virtualization.deckhouse.io/dry created (dry run)\n')
    expect((await bench.berth(['get', 'vm', 'dry'])).code).toBe(1)
  })

  it('an unknown kind names the nearest', async () => {
    const stdin = manifest({ ...VM('x'), kind: 'VirtualMachin' })
    expect((await bench.berth(['apply', '-f', '-'], { stdin })).err).toContain('did you mean virtualmachine?')
  })

  it.each([
    ['a missing file', ['apply', '-f', '/nonexistent/vm.yaml'], 'nonexistent/vm.yaml'],
    ['an empty input', ['apply', '-f', '-'], 'no objects'],
    ['no file at all', ['apply'], "required option '-f, --filename"],
  ])('%s is a usage error', async (_, args, words) => {
    const { code, err } = await bench.berth(args, { stdin: '' })
    expect(code).toBe(2)
    expect(err).toContain(words)
  })

  it('a generated name is for create', async () => {
    const vmop = {
      apiVersion: 'virtualization.deckhouse.io/v1alpha2',
      kind: 'VirtualMachineOperation',
      metadata: { generateName: 'again-' },
      spec: { type: 'Restart', virtualMachineName: 'web' },
    }
    const applied = await bench.berth(['apply', '-f', '-'], { stdin: manifest(vmop) })
    expect(applied.err).toContain('berth create')
    const made = await bench.berth(['create', '-f', '-'], { stdin: manifest(vmop) })
    expect(made.out).toMatch(/^virtualmachineoperation\.virtualization\.deckhouse\.io\/again-[a-z0-9]{5} created\n$/)
  })
})

describe('delete', () => {
  it('deletes by name and waits until it is gone', async () => {
    await bench.berth(['apply', '-f', '-'], { stdin: manifest(VM('gone')) })
    const { code, out } = await bench.berth(['delete', 'vm', 'gone'])
    expect({ code, out }).toEqual({ code: 0, out: 'virtualmachine.virtualization.deckhouse.io/gone deleted\n' })
    expect((await bench.berth(['get', 'vm/gone'])).code).toBe(1)
  })

  it('says what holds an object that does not go, and --no-wait does not ask', async () => {
    const held = { ...VM('held'), metadata: { name: 'held', finalizers: ['test.berth/hold'] } }
    await bench.berth(['apply', '-f', '-'], { stdin: manifest(held) })
    expect((await bench.berth(['delete', 'vm', 'held', '--no-wait'])).code).toBe(0)
    const { code, err } = await bench.berth(['delete', 'vm/held', '--timeout', '200ms'])
    expect(code).toBe(1)
    expect(err).toContain('still being deleted after 0.2 s, held by test.berth/hold')
  })

  it('deletes what a file describes, the last first', async () => {
    const stdin = manifest(secret('d1', {}), VM('d2'))
    await bench.berth(['apply', '-f', '-'], { stdin })
    const { out } = await bench.berth(['delete', '-f', '-'], { stdin })
    expect(out).toBe('virtualmachine.virtualization.deckhouse.io/d2 deleted\nsecret/d1 deleted\n')
  })

  it('what is not there is an error, unless told', async () => {
    const { code, err } = await bench.berth(['delete', 'secret', 'none'])
    expect(code).toBe(1)
    expect(err).toContain('"none" not found')
    expect((await bench.berth(['delete', 'secret', 'none', '--ignore-not-found'])).code).toBe(0)
  })

  it.each([
    ['nothing', ['delete']],
    ['a kind alone', ['delete', 'vm']],
    ['files and names', ['delete', 'vm', 'x', '-f', '-']],
  ])('%s is a usage error', async (_, args) => {
    expect((await bench.berth(args)).code).toBe(2)
  })
})
