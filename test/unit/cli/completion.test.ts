import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SCRIPTS } from '../../../cli/completion/scripts.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { type Bench, startBench } from './harness.ts'

let bench: Bench

beforeAll(async () => {
  bench = await startBench()
  const { resources } = bench.server
  await resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } })
  for (const [name, namespace] of [
    ['web', 'default'],
    ['worker', 'default'],
    ['theirs', 'team'],
  ] as const)
    await resources.create<VirtualMachine>('virtualmachines.virtualization.deckhouse.io', {
      apiVersion: 'virtualization.deckhouse.io/v1alpha2',
      kind: 'VirtualMachine',
      metadata: { name, namespace },
      spec: {
        virtualMachineClassName: 'generic',
        cpu: { cores: 1 },
        memory: { size: '1Gi' },
        blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
      },
    } as never)
})
afterAll(() => bench.stop())

/** What a line may become at its end; words are apart by one space. */
async function completed(line: string, env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const { code, out, err } = await bench.berth(['__complete', ...line.split(' ')], { env })
  expect([code, err]).toEqual([0, ''])
  return out.split('\n').filter((word) => word !== '')
}

test.each([
  ['ge', ['get']],
  ['st', ['start', 'stop']],
  ['token ', ['create', 'list', 'revoke']],
  ['token create ann --role v', ['viewer']],
  ['get -o ', ['wide', 'json', 'yaml', 'name']],
  ['get --output = y', ['yaml']],
  ['delete --no', ['--no-wait']],
  ['completion ', ['bash', 'zsh', 'fish']],
  ['get virtualmachinec', ['virtualmachineclasses', 'virtualmachineclass']],
  ['get vm w', ['web', 'worker']],
  ['get vm web w', ['worker']],
  ['-n team get vm ', ['theirs']],
  ['get vm/w', ['vm/web', 'vm/worker']],
  ['describe vm --namespace=team ', ['theirs']],
  ['stop --force w', ['web', 'worker']],
  ['start web ', []],
  ['port-forward web ', []],
  ['get -n te', ['team']],
  ['apply -f ', []],
  ['get nothing ', []],
  ['no-such-verb ', []],
])('%s', async (line, expected) => {
  expect(await completed(line)).toEqual(expected)
})

test('a server that is not there, or that one may not ask, is met with silence', async () => {
  const began = performance.now()
  expect(await completed('get vm ', { BERTH_SOCKET: '/nowhere/agent.sock' })).toEqual([])
  expect(await completed('get vm ', { BERTH_KUBECONFIG: '/nowhere/kubeconfig' })).toEqual([])
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('bash takes what the program says, one candidate a line, and offers files where it says nothing', async () => {
  // In the program's place: prints the words that it was given. The program itself is asked in test/e2e/scripts/completion.test.ts.
  const ask = 'berth() { printf "%s\\n" "$@" "a b"; }'
  const line = `COMP_WORDS=(berth get vm ""); COMP_CWORD=3; _berth berth; printf "<%s>" "\${COMPREPLY[@]}"; complete -p berth`
  const { stdout } = await execa('bash', ['--norc', '--noprofile', '-c', `${ask}\n${SCRIPTS.bash}\n${line}`])
  expect(stdout).toBe('<__complete><get><vm><a b>complete -o default -F _berth berth')
})
