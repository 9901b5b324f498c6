// A guest that writes the header of an image into its disk, one that names a file of the host: nobody ever believes it, whatever is done with
// the disk. The header is put there by qemu-io while no QEMU has the disk; to all who come later the guest wrote it.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { VirtualDisk, VirtualMachine } from '../../../schemas/index.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { Space } from '../../support/space.ts'

const SECRET = 'a file of the host that a guest would like to read'

let lab: Lab
let space: Space
/** Named by the headers. */
let secret: string

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'guest-header')
  secret = join(space.host.dir, 'secret')
  await writeFile(secret, SECRET.repeat(100), { mode: 0o666 })
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const refs = (...names: readonly string[]) => names.map((name) => ({ kind: 'VirtualDisk' as const, name }))
const fileOf = async (disk: string): Promise<string> =>
  join(space.host.stateDir, 'disks', `${(await space.get('VirtualDisk', disk)).metadata.uid}.qcow2`)

/** A disk that begins with what would be a header in a file: of qcow2 over the secret, or a VMDK descriptor that names it. */
async function lyingDisk(name: string, format: 'qcow2' | 'vmdk'): Promise<void> {
  await space.disk(name, '1Mi')
  await space.until<VirtualDisk>('VirtualDisk', name, ({ status }) => status?.phase === 'Ready')
  const header = join(space.host.dir, `${name}.header`)
  const run = (...command: readonly [string, ...string[]]) => space.host.exec(...command)
  if (format === 'qcow2')
    await run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', '-b', secret, '-F', 'raw', header, '1M')
  else
    await writeFile(
      header,
      `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8 FLAT "${secret}" 0\n`.padEnd(
        65_536,
      ),
    )
  await run('qemu-io', '-f', 'qcow2', '-c', `write -s ${header} 0 64k`, await fileOf(name))
  expect(await run('qemu-io', '-f', 'qcow2', '-r', '-c', 'read -v 0 512', await fileOf(name))).toMatch(
    /QFI|Disk\.Descripto/,
  )
}

/** What QEMU has open, and what it thinks that it is made of. */
async function expectUnbelieving(vm: string, ...disks: readonly string[]): Promise<void> {
  const pid = await space.qemuPid(vm)
  const files = await space.host.exec('sh', '-c', `readlink /proc/${pid}/fd/*`)
  for (const disk of disks) expect(files).toContain(await fileOf(disk))
  expect(files).not.toContain(secret)
  const nodes = await space.host.virsh(
    'qemu-monitor-command',
    space.domain(vm),
    '{"execute":"query-named-block-nodes"}',
  )
  expect(nodes).not.toContain(secret)
  const { return: all } = JSON.parse(nodes)
  const of = (driver: string) => all.filter(({ drv }: { drv: string }) => drv === driver).length
  expect([of('qcow2'), of('vmdk')]).toEqual([disks.length, 0])
  const xml = await space.host.virsh('dumpxml', space.domain(vm))
  expect(xml).not.toContain(secret)
  expect(xml.match(/<driver name='qemu' type='qcow2'/g)).toHaveLength(disks.length)
}

it('is not believed at a start, a hot-plug, a growth, a restart, by a new agent, nor as the only disk', async () => {
  await Promise.all([lyingDisk('first', 'qcow2'), lyingDisk('second', 'qcow2'), lyingDisk('third', 'vmdk')])
  await space.vm('liar', {
    terminationGracePeriodSeconds: 1,
    memory: { size: '32Mi' },
    blockDeviceRefs: refs('first'),
  })
  await space.untilPhase('liar', 'Running')
  await expectUnbelieving('liar', 'first')

  await space.patch('VirtualMachine', 'liar', { spec: { blockDeviceRefs: refs('first', 'second', 'third') } })
  await space.until<VirtualMachine>(
    'VirtualMachine',
    'liar',
    ({ status }) => status?.blockDeviceRefs?.filter(({ attached }) => attached).length === 3,
  )
  await expectUnbelieving('liar', 'first', 'second', 'third')

  // Under the running guest, and, of a disk that nobody has, by qemu-img.
  await lyingDisk('alone', 'qcow2')
  for (const name of ['second', 'alone']) {
    await space.patch('VirtualDisk', name, { spec: { persistentVolumeClaim: { size: '2Mi' } } })
    await space.until<VirtualDisk>('VirtualDisk', name, ({ status }) => status?.capacity === '2Mi')
  }
  await expectUnbelieving('liar', 'first', 'second', 'third')
  const info = await space.host.exec('qemu-img', 'info', '-f', 'qcow2', '--output=json', await fileOf('alone'))
  expect(JSON.parse(info)).toMatchObject({ format: 'qcow2', 'virtual-size': 2 << 20 })
  expect(info).not.toContain(secret)

  const pid = await space.qemuPid('liar')
  await space.host.restartAgent()
  expect(await space.operate('liar', 'Restart', true)).toMatchObject({ phase: 'Completed' })
  await space.untilNewQemu('liar', pid)
  await expectUnbelieving('liar', 'first', 'second', 'third')
  expect(await readFile(secret, 'utf8')).toBe(SECRET.repeat(100))
})
