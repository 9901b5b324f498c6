// Requests made of the schemas, at a whole agent with a real libvirt: whatever comes, every answer is in words, nothing crashes, and
// no machine that was taken fails at libvirt over something that a rule should have said.
import { Agent } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Event, KINDS, VIRTUAL_MACHINE, type VirtualMachine } from '../../../../schemas/index.ts'
import { changed } from '../../../support/arbitraries.ts'
import { runs } from '../../../support/fuzz.ts'
import { waitFor } from '../../../support/wait.ts'
import { type FuzzAgent, startFuzzAgent } from './agent.ts'
import { anyRequest, collectionOf } from './requests.ts'
import { type Sent, send as sendTo } from './send.ts'

const LONG = process.env.BERTH_LONG !== undefined
const DVP = '/apis/virtualization.deckhouse.io/v1alpha2/namespaces/default'
const MAX_RSS = 1_200_000_000

let agent: FuzzAgent
const connections = new Agent({ keepAlive: true, maxSockets: 8 })
const send = (sent: Sent) => sendTo({ socketPath: agent.socketPath, connections }, sent)
const post = (path: string, body: object) => send({ method: 'POST', path, body: JSON.stringify(body) })
beforeAll(async () => {
  agent = await startFuzzAgent()
  await waitFor('the agent looks after machines', 60, async () => {
    const { code } = await send({ method: 'GET', path: '/readyz' })
    return code === 200
  })
  // `disk` is for machines at random, the others for those that shall run.
  for (const name of ['disk', 'root', 'data'])
    await post(`${DVP}/virtualdisks`, { metadata: { name }, spec: { persistentVolumeClaim: { size: '16Mi' } } })
  await post('/api/v1/namespaces/default/secrets', {
    metadata: { name: 'user-data' },
    type: 'provisioning.virtualization.deckhouse.io/cloud-init',
    stringData: { userData: '#cloud-config\n' },
  })
}, 120_000)
afterAll(async () => {
  connections.destroy()
  await agent?.stop()
})

function expectWords(sent: Sent, { code, text }: { code: number; text: string }): void {
  const told = `${sent.method} ${sent.path} ${JSON.stringify(sent.headers)} ${sent.body}\n-> ${code} ${text.slice(0, 2_000)}`
  expect(code, told).toBeGreaterThan(100)
  expect(code, told).toBeLessThan(500)
  if (code < 400 || sent.method === 'HEAD') return
  const status = JSON.parse(text)
  expect([status.kind, status.status, status.code], told).toEqual(['Status', 'Failure', code])
  expect(typeof status.reason, told).toBe('string')
  expect(status.message, told).not.toBe('')
}

/** What the log has of faults in the program, and of libvirt's refusals. */
const faults = () => agent.complaints.filter(({ level, err }) => level >= 50 || err?.type === 'LibvirtError')

it('answers everything in words', { timeout: LONG ? 1_800_000 : 180_000 }, async () => {
  const codes = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(anyRequest, async (sent) => {
      const answer = await send(sent)
      codes.set(answer.code, (codes.get(answer.code) ?? 0) + 1)
      expectWords(sent, answer)
    }),
    { ...runs(1_500), interruptAfterTimeLimit: LONG ? 1_500_000 : 20_000 },
  )
  // It is no test when nothing comes through.
  for (const code of [200, 201, 404, 422]) expect(codes.get(code), `answers of ${code}`).toBeGreaterThan(0)
  for (const kind of KINDS) {
    const { code, text } = await send({ method: 'GET', path: collectionOf(kind, kind.storageVersion) })
    expect([code, JSON.parse(text).kind]).toEqual([200, `${kind.kind}List`])
  }
  expect(process.memoryUsage.rss()).toBeLessThan(MAX_RSS)
  expect(faults()).toEqual([])
})

/** Machines that should run, with up to two fields as the schema allows them. */
const spec = fc.record({
  // Nothing in these machines listens to a power button.
  terminationGracePeriodSeconds: fc.constant(0),
  virtualMachineClassName: fc.constant('generic'),
  cpu: fc.record({ cores: fc.constantFrom(1, 2, 3, 4), coreFraction: fc.constantFrom('5%', '50%', '100%') }),
  memory: fc.record({ size: fc.constantFrom('16Mi', '64Mi', '100M', '65537Ki', '1Gi', '0.1Gi') }),
  blockDeviceRefs: fc.subarray(
    [
      { kind: 'VirtualDisk', name: 'root' },
      { kind: 'VirtualDisk', name: 'data' },
    ],
    { minLength: 1 },
  ),
  provisioning: fc.constantFrom(
    undefined,
    { type: 'UserData', userData: '#cloud-config\n' },
    { type: 'UserData', userData: '<&"\u0000\u0001ü\u{1f4a9}' },
    { type: 'UserDataRef', userDataRef: { kind: 'Secret', name: 'user-data' } },
  ),
})
interface Body {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly spec: object
}
const machine = fc
  .tuple(
    spec.chain((one) => {
      // References and placement stay as they are: what is meant to run must not wait for what is not there.
      const { blockDeviceRefs, virtualMachineClassName, provisioning, terminationGracePeriodSeconds } = one
      const kept = { blockDeviceRefs, virtualMachineClassName, provisioning, terminationGracePeriodSeconds }
      const free = { affinity: undefined, nodeSelector: undefined, tolerations: undefined, runPolicy: undefined }
      return changed({ spec: one }, VIRTUAL_MACHINE.versions[0]?.schema, 0).map(({ spec: made }) => ({
        ...(made as object),
        ...kept,
        ...free,
        topologySpreadConstraints: undefined,
      }))
    }),
    fc.dictionary(fc.constantFrom('app', 'x.example/y'), fc.constantFrom('', 'a'), { maxKeys: 2 }),
    fc.constantFrom('m', 'machine-with-a-name-of-sixty-three-characters-0123456789-abcdef', '0', 'a--b'),
  )
  .map(([made, labels, name]): Body => ({ metadata: { name, labels }, spec: made }))

/** So that one runs, however few there is time for. */
const PLAIN = {
  metadata: { name: 'm', labels: {} },
  spec: {
    terminationGracePeriodSeconds: 0,
    virtualMachineClassName: 'generic',
    cpu: { cores: 1, coreFraction: '50%' },
    memory: { size: '64Mi' },
    blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root' }],
  },
} as const

it('takes no machine that libvirt then refuses', { timeout: LONG ? 3_600_000 : 180_000 }, async () => {
  let running = 0
  await fc.assert(
    fc.asyncProperty(machine, async (body) => {
      const made = await post(`${DVP}/virtualmachines`, body)
      expectWords({ method: 'POST', path: '', body: JSON.stringify(body) }, made)
      if (made.code !== 201) return
      const path = `${DVP}/virtualmachines/${body.metadata.name}`
      const look = async () => JSON.parse((await send({ method: 'GET', path })).text) as VirtualMachine
      const since = performance.now()
      const vm = await waitFor(
        'the machine runs, or says what it waits for',
        60,
        async () => {
          const seen = await look()
          const { phase, conditions = [] } = seen.status ?? {}
          const failed = conditions.some(({ reason }) => reason === 'InternalVirtualMachineError')
          // A host with less than is asked for lets it wait.
          const waits = phase === 'Pending' && performance.now() - since > 5_000
          return phase === 'Running' || failed || waits ? seen : null
        },
        async () => JSON.stringify(await look()),
      )
      if (vm.status?.phase === 'Running') running++
      const events = JSON.parse(
        (await send({ method: 'GET', path: '/api/v1/namespaces/default/events?fieldSelector=reason%3DFailedStep' }))
          .text,
      )
      const words = (events.items as Event[]).map(({ message }) => message)
      expect(words, JSON.stringify(vm)).toEqual([])
      await send({ method: 'DELETE', path })
      await send({
        method: 'PATCH',
        path,
        type: 'application/merge-patch+json',
        body: '{"spec":{"terminationGracePeriodSeconds":0}}',
      })
      await waitFor(
        'the machine is gone',
        90,
        async () => (await send({ method: 'GET', path })).code === 404,
        async () => JSON.stringify(await look()),
      )
    }),
    { ...runs(60), examples: [[PLAIN]], interruptAfterTimeLimit: LONG ? 3_000_000 : 20_000 },
  )
  expect(running).toBeGreaterThan(0)
  expect(faults()).toEqual([])
})
