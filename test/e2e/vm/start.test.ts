// The main job: an object goes in, a guest runs, its console answers, its address is known and works.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { getTable } from '../../../lib/client/tables.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'start')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

/** Phases of a VM in the order in which a watch tells them, until the signal aborts. */
async function watchPhases(name: string, signal: AbortSignal): Promise<string[]> {
  const phases: string[] = []
  const scope = { namespace: space.namespace, fieldSelector: `metadata.name=${name}` }
  const resource = await space.resource('VirtualMachine')
  const { resourceVersion } = await space.host.client.objects.list(resource, scope)
  const changes = space.host.client.objects.watch<VirtualMachine>(resource, scope, resourceVersion, { signal })
  const follow = async () => {
    for await (const { object } of changes) {
      const phase = object.status?.phase
      if (phase !== undefined && phase !== phases.at(-1)) phases.push(phase)
    }
  }
  follow().catch(() => undefined)
  return phases
}

it('boots a guest from an object, with console, address, guest facts and launch times', async () => {
  const watching = new AbortController()
  const phases = await watchPhases('first', watching.signal)
  const created = await space.vm('first')
  expect(created.status?.phase ?? 'Pending').toBe('Pending')

  const console = await space.console('first')
  const [, host, cpus, net, firmware] = await console.see(
    /GUEST-READY host=(\S+) boots=1 cpus=(\d+) .* net=(\S*) fw=(\w+)/,
  )
  expect([host, cpus, firmware]).toEqual(['guest', '1', 'bios'])
  expect(await console.ask('echo $((6*7))')).toBe('42')

  const vm = await space.until('VirtualMachine', 'first', (object) => {
    const { ipAddress, guestOSInfo } = object.status ?? {}
    return ipAddress !== '' && guestOSInfo?.id !== undefined && condition(object, 'AgentReady').status === 'True'
  })
  const { status } = vm
  const address = status?.ipAddress ?? ''
  expect(net).toBe(`eth0=${address}/24`)
  await console.ask('(echo hello | nc -l -p 7777) >/dev/null 2>&1 & true')
  expect(await space.host.exec('timeout', '10', 'bash', '-c', `cat </dev/tcp/${address}/7777`)).toBe('hello')
  expect(status).toMatchObject({
    phase: 'Running',
    nodeName: 'h1',
    observedGeneration: 1,
    blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'first', attached: true, target: 'sda' }],
    networks: [{ id: 1, type: 'Main', ipAddress: address }],
    resources: { cpu: { cores: 1, coreFraction: '100%' }, memory: { size: '256Mi' } },
    restartAwaitingChanges: [],
    versions: { qemu: expect.stringMatching(/^\d/), libvirt: expect.stringMatching(/^\d/) },
  })
  expect(await console.ask('cat /sys/class/net/eth0/address')).toBe(status?.networks?.[0]?.macAddress)
  expect(status?.guestOSInfo).toMatchObject({ id: expect.any(String), prettyName: expect.any(String) })
  const duration = expect.stringMatching(/^\d+(\.\d+)?s$/)
  expect(status?.stats?.launchTimeDuration).toEqual({
    waitingForDependencies: duration,
    virtualMachineStarting: duration,
    guestOSAgentStarting: duration,
  })
  for (const type of [
    'VirtualMachineClassReady',
    'BlockDevicesReady',
    'ProvisioningReady',
    'SizingPolicyMatched',
    'Running',
    'AgentReady',
    'ConfigurationApplied',
  ])
    expect(condition(vm, type), type).toMatchObject({ status: 'True' })

  watching.abort()
  expect(phases).toEqual(['Pending', 'Starting', 'Running'])
  expect(status?.stats?.phasesTransitions?.map(({ phase }) => phase)).toEqual(phases)

  const table = await getTable(space.host.client.transport, await space.resource('VirtualMachine'), {
    namespace: space.namespace,
  })
  const shown = table.columns.filter(({ priority }) => priority === 0).map(({ name }) => name)
  expect(shown).toEqual(['Name', 'Phase', 'Uptime', 'Node', 'IPAddress', 'Age'])
  const cells = Object.fromEntries(table.columns.map(({ name }, index) => [name, table.rows[0]?.cells[index]]))
  expect(cells).toMatchObject({
    Name: 'first',
    Phase: 'Running',
    Node: 'h1',
    IPAddress: address,
    Cores: '1',
    CoreFraction: '100%',
    Memory: '256Mi',
    'Need restart': 'False',
    Agent: 'True',
  })
  console.close()
})
