// What is on the host and not Berth's is left as it is, also where it stands in the way.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'

const UUID = '5d0f2c60-0000-4000-8000-00000000f0e1'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'foreign')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const virsh = (...args: readonly string[]) => space.host.virsh(...args)

/** A file of XML that the host's virsh reads. */
async function file(name: string, xml: string): Promise<string> {
  const path = join(space.host.dir, `${name}.xml`)
  await writeFile(path, xml)
  return path
}

it("somebody else's domain of the machine's name runs on, and the machine waits and says for whom", async () => {
  const name = space.domain('taken')
  const xml = `<domain type='qemu'><name>${name}</name><uuid>${UUID}</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
    <os><type arch='x86_64' machine='q35'>hvm</type></os><devices/></domain>`
  await virsh('define', await file('taken', xml))
  await virsh('start', name)
  const [definition, pid] = [await virsh('dumpxml', name), await space.qemuPid('taken')]
  const untouched = async () => {
    expect(await virsh('dumpxml', name)).toBe(definition)
    expect(await space.qemuPid('taken')).toBe(pid)
  }

  const words = `a domain named ${name} that is not Berth's exists on this host; it is left alone`
  const waits = () =>
    space.until('VirtualMachine', 'taken', (vm) => condition(vm, 'Running').message.includes(words), 30)
  await space.bareVm('taken')
  expect(condition(await waits(), 'Running')).toMatchObject({ status: 'False', reason: 'InternalVirtualMachineError' })
  await untouched()

  await space.operate('taken', 'Stop', true)
  await space.delete('VirtualMachine', 'taken')
  await space.untilGone('VirtualMachine', 'taken')
  await untouched()

  await space.vm('taken', {
    memory: { size: '32Mi' },
    terminationGracePeriodSeconds: 1,
    blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'taken' }],
  })
  await waits()
  await untouched()
  await virsh('destroy', name)
  await virsh('undefine', name)
  const running = await space.untilPhase('taken', 'Running', 90)
  expect(await virsh('domuuid', name)).toBe(running.metadata.uid)
})

it('a foreign network, pool and bridge stay as they are, and guests get a network beside them', async () => {
  const { host } = space
  const network = (await virsh('net-list', '--all', '--name')).split('\n').find((one) => one.startsWith('berth')) ?? ''
  const [, subnet] = /address='([\d.]+)\.1'/.exec(await virsh('net-dumpxml', network)) ?? []
  if (subnet === undefined) throw new Error(`the network ${network} has no address`)
  await space.operate('taken', 'Stop', true)
  const foreign = [
    [
      'net-define',
      'net-dumpxml',
      'theirs',
      `<network><name>theirs</name><ip address='192.168.77.1' netmask='255.255.255.0'/></network>`,
    ],
    [
      'pool-define',
      'pool-dumpxml',
      'heap',
      `<pool type='dir'><name>heap</name><target><path>${host.dir}/heap</path></target></pool>`,
    ],
  ] as const
  for (const [define, , name, xml] of foreign) await virsh(define, await file(name, xml))
  const definitions = () => Promise.all(foreign.map(([, dump, name]) => virsh(dump, name)))
  const before = await definitions()
  const bridge = async () => {
    const [{ address, addr_info: addresses }] = JSON.parse(await host.exec('ip', '-j', 'addr', 'show', 'br-theirs'))
    return { address, addresses: addresses.map(({ local }: { local: string }) => local) }
  }

  // The agent's own network is gone, and its subnet taken, when the next agent comes.
  await host.withoutAgent(async () => {
    await virsh('net-destroy', network)
    await virsh('net-undefine', network)
    await host.exec('ip', 'link', 'add', 'br-theirs', 'type', 'bridge')
    await host.exec('ip', 'addr', 'add', `${subnet}.9/24`, 'dev', 'br-theirs')
    await host.exec('ip', 'link', 'set', 'br-theirs', 'up')
  })
  try {
    const wasBridge = await bridge()
    await space.vm('beside')
    const console = await space.booted('beside')
    const { status } = await space.until('VirtualMachine', 'beside', (vm) => (vm.status?.ipAddress ?? '') !== '')
    expect(status?.ipAddress?.startsWith(`${subnet}.`)).toBe(false)
    expect(await console.ask('ip -4 -o addr show eth0')).toContain(`${status?.ipAddress}/`)
    expect(await definitions()).toEqual(before)
    expect(await bridge()).toEqual(wasBridge)
    expect(await virsh('net-list', '--name')).not.toContain('theirs')
  } finally {
    await host.exec('ip', 'link', 'del', 'br-theirs')
    await virsh('net-undefine', 'theirs')
    await virsh('pool-undefine', 'heap')
  }
})
