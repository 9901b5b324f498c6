// What people do to Berth's domains and network with virsh: put right by itself, or told; identity is the uuid.
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

const METADATA = 'https://berth.dev/domain/1'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'behind')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const virsh = (...args: readonly string[]) => space.host.virsh(...args)

async function running(name: string): Promise<{ readonly domain: string; readonly pid: number; readonly uid: string }> {
  await space.bareVm(name)
  const { metadata } = await space.untilPhase(name, 'Running')
  return { domain: space.domain(name), pid: await space.qemuPid(name), uid: metadata.uid }
}

const eventOf = (name: string, reason: string, words: string) =>
  waitFor(
    `${name}: event ${reason} with ${words}`,
    60,
    async () =>
      (await space.events('VirtualMachine', name)).find((one) => one.reason === reason && one.message.includes(words)),
    async () => JSON.stringify((await space.events('VirtualMachine', name)).map(({ message }) => message)),
  )

const says = (name: string, type: string, words: string) =>
  space.until('VirtualMachine', name, (vm) => condition(vm, type).message.includes(words), 60)
const applied = (name: string) =>
  space.until('VirtualMachine', name, (vm) => condition(vm, 'ConfigurationApplied').status === 'True', 60)

describe.concurrent('a machine that runs', () => {
  it('keeps its guest when it is undefined or loses its note, and gets both back', async () => {
    const { domain, pid } = await running('undefined')
    await virsh('undefine', domain)
    await waitFor('the definition', 60, async () => /Persistent:\s+yes/.test(await virsh('dominfo', domain)))
    await eventOf('undefined', 'DefinitionRestored', 'removed the domain')
    await virsh('metadata', domain, METADATA, '--remove', '--live', '--config')
    await waitFor('the note', 60, async () => (await virsh('dumpxml', domain)).includes(METADATA))
    await eventOf('undefined', 'DefinitionRestored', 'note')
    await applied('undefined')
    expect(await space.qemuPid('undefined')).toBe(pid)
  })

  it('tells of a disk and a size that are not its own, and gets back a disk that was taken', async () => {
    const { domain, pid } = await running('changed')
    const file = join(space.host.dir, 'theirs.raw')
    await space.host.exec('truncate', '-s', '1M', file)
    await virsh('attach-disk', domain, file, 'sdx', '--targetbus', 'scsi', '--live')
    await says('changed', 'ConfigurationApplied', "it has a disk sdx that is not Berth's")
    await virsh('detach-disk', domain, 'sdx', '--live')
    await applied('changed')
    const target = (await virsh('domblklist', domain)).trim().split(/\s+/)[0] ?? ''
    await virsh('detach-disk', domain, target, '--live', '--config')
    await eventOf('changed', 'Attached', 'VirtualDisk changed')
    await applied('changed')
    expect(await space.qemuPid('changed')).toBe(pid)
  })

  it('is paused and goes on as somebody says, and its condition with it', async () => {
    const { domain, pid } = await running('paused')
    await virsh('suspend', domain)
    expect(condition(await space.untilPhase('paused', 'Pause'), 'Running').message).toContain('somebody')
    await virsh('resume', domain)
    await space.untilPhase('paused', 'Running')
    expect(await space.qemuPid('paused')).toBe(pid)
  })

  it('is started anew when it was destroyed, and boots when it was saved', async () => {
    const { domain, pid } = await running('ended')
    await virsh('destroy', domain)
    const second = await space.untilNewQemu('ended', pid)
    await eventOf('ended', 'Crashed', 'virsh destroy')
    await virsh('managedsave', domain)
    await space.untilNewQemu('ended', second)
    await eventOf('ended', 'Crashed', 'virsh managedsave')
    expect(await virsh('dominfo', domain)).toMatch(/Managed save:\s+no/)
  })

  it('waits longer each time when its QEMU keeps ending, and says so', async () => {
    const { pid } = await running('loops')
    await space.killQemu('loops')
    const second = await space.untilNewQemu('loops', pid)
    await space.killQemu('loops')
    const waits = await says('loops', 'Running', 'QEMU ended unexpectedly 2 times in a row')
    expect(condition(waits, 'Running')).toMatchObject({ status: 'False', reason: 'PodNotStarted' })
    await space.untilNewQemu('loops', second)
  })

  it('is never started on a disk that somebody made a snapshot of', async () => {
    const { domain, pid } = await running('snapped')
    const file = join(space.host.dir, 'snapshot.qcow2')
    const spec = `${(await virsh('domblklist', domain)).trim().split(/\s+/)[0]},file=${file}`
    await virsh('snapshot-create-as', domain, 'one', '--disk-only', '--no-metadata', '--diskspec', spec)
    await space.killQemu('snapped')
    await says('snapped', 'Running', 'a snapshot that was made outside of Berth')
    expect(await space.qemuPid('snapped')).toBe(0)
    await virsh('undefine', domain)
    await space.untilNewQemu('snapped', pid)
  })
})

it.concurrent('a machine that was renamed while it was off starts under its own name', async () => {
  const { domain, uid } = await running('renamed')
  await space.operate('renamed', 'Stop', true)
  await space.untilPhase('renamed', 'Stopped')
  await virsh('domrename', domain, 'other-name')
  await space.operate('renamed', 'Start')
  await space.untilPhase('renamed', 'Running')
  expect((await virsh('list', '--all', '--name')).split('\n')).not.toContain('other-name')
  expect(await virsh('domuuid', domain)).toBe(uid)
  await eventOf('renamed', 'DefinitionRestored', 'other-name')
})

it.concurrent('a network that was destroyed is there again, and the guests are on it', async () => {
  const { domain, pid } = await running('networked')
  const network = (await virsh('net-list', '--name')).split('\n').find((one) => one.startsWith('berth')) ?? ''
  const tap = (await virsh('domiflist', domain)).trim().split(/\s+/)[0] ?? ''
  const master = async () => JSON.parse(await space.host.exec('ip', '-j', 'link', 'show', tap))[0].master
  const bridge = await master()
  await virsh('net-destroy', network)
  await waitFor('the interface on its bridge', 60, async () => (await master()) === bridge)
  await eventOf('networked', 'Replugged', 'bridge')
  expect((await virsh('net-list', '--name')).split('\n')).toContain(network)
  expect(await space.qemuPid('networked')).toBe(pid)
})
