// User data for cloud-init: from a Secret or inline, it reaches the guest and nobody else.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'provisioning')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const secret = (name: string, data: Readonly<Record<string, string>>) =>
  space.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    type: 'provisioning.virtualization.deckhouse.io/cloud-init',
    data,
  })

/** Everything that people and programs without a right to Secrets may come to see of a machine. */
async function shown(vm: string): Promise<string> {
  const { host } = space
  const logs = await readdir(join(host.dir, 'libvirt/log'), { recursive: true, withFileTypes: true })
  const files = logs.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const texts = await Promise.all([
    ...[join(host.dir, 'agent.log'), join(host.dir, 'host.log'), ...files].map((path) => readFile(path, 'latin1')),
    host.virsh('dumpxml', '--security-info', space.domain(vm)),
    host.exec('ps', 'axww', '-o', 'args'),
  ])
  const { status } = await space.get('VirtualMachine', vm)
  return [...texts, JSON.stringify([status, await space.list('Event')])].join('\n')
}

/** Files of machines on the host that others than their owner may read: QEMU's arguments, which all may see, name them. Images are shared. */
async function open(): Promise<string[]> {
  const folders = ['disks', 'seeds', 'nvram', 'console'].map((name) => join(space.host.stateDir, name))
  const found = await space.host.exec('find', ...folders, '-type', 'f', '-perm', '/066', '-print')
  return found.split('\n').filter(Boolean)
}

/** The database keeps Secrets sealed: neither form is in its files. */
async function stored(): Promise<string> {
  const names = ['berth.db', 'berth.db-wal']
  const files = await Promise.all(names.map((name) => readFile(join(space.host.stateDir, name), 'latin1')))
  return files.join('')
}

it.concurrent('a machine waits for its Secret in words, then its guest gets the user data, and nobody else', async () => {
  const token = 'correct-horse-battery-staple'
  const userData = `#cloud-config\nhostname: by-secret\nwrite_files:\n- path: /run/token\n  content: ${token}\n`
  const userDataRef = { kind: 'Secret' as const, name: 'init' }
  await space.vm('ref', { provisioning: { type: 'UserDataRef', userDataRef } })
  const problem = (words: string) =>
    space.until('VirtualMachine', 'ref', (vm) => condition(vm, 'ProvisioningReady').message.includes(words))
  const waiting = await problem('the Secret init does not exist')
  expect(condition(waiting, 'ProvisioningReady')).toMatchObject({ status: 'False', reason: 'ProvisioningNotReady' })
  await space.untilPhase('ref', 'Pending')

  await secret('init', { other: base64('no key that counts') })
  await problem('has no key userData')
  expect(await space.qemuPid('ref')).toBe(0)
  await space.patch('Secret', 'init', { data: { userData: base64(userData) } })
  const console = await space.console('ref')
  expect((await console.see(/GUEST-READY host=(\S+)\s/))[1]).toBe('by-secret')
  expect(await console.ask('cat /run/token')).toBe(token)
  expect(condition(await space.get('VirtualMachine', 'ref'), 'ProvisioningReady')).toMatchObject({ status: 'True' })
  expect(await open()).toEqual([])
  const [seen, kept] = [await shown('ref'), await stored()]
  for (const text of [token, base64(userData).slice(0, 40)]) {
    expect(seen.includes(text), 'user data in what is shown').toBe(false)
    expect(kept.includes(text), 'user data in the database').toBe(false)
  }
})

it.concurrent('inline user data reaches the guest, and is not told again elsewhere', async () => {
  const token = 'inline-horse-battery-staple'
  const userData = `#cloud-config\nhostname: inline\nruncmd:\n- echo ${token} > /run/token\n`
  await space.vm('inline', { provisioning: { type: 'UserData', userData } })
  const console = await space.console('inline')
  expect((await console.see(/GUEST-READY host=(\S+)\s/))[1]).toBe('inline')
  expect(await console.ask('cat /run/token')).toBe(token)
  expect((await shown('inline')).includes(token), 'user data in what is shown').toBe(false)
})
