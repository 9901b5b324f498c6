// Which device a guest boots from, and what the others are to it: disks, read-only images, a CD-ROM.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, IMAGE, Space } from '../../support/space.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'devices')
  await space.image('tools', lab.served.bytes('tools.iso', await iso('tools')))
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

/** An ISO image with the file `readme` of that content. */
async function iso(content: string): Promise<Buffer> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-iso-'))
  try {
    await writeFile(join(dir, 'readme'), content)
    const output = join(dir, 'out.iso')
    await promisify(execFile)('genisoimage', ['-quiet', '-r', '-o', output, join(dir, 'readme')])
    return await readFile(output)
  } finally {
    await rm(dir, { recursive: true })
  }
}

it.concurrent('bootOrder decides what boots; an image is read-only, an ISO a CD-ROM', async () => {
  await space.disk('empty', '8Mi')
  await space.disk('system')
  await space.vm('boots', {
    blockDeviceRefs: [
      { kind: 'VirtualDisk', name: 'empty' },
      { kind: 'ClusterVirtualImage', name: 'tools' },
      { kind: 'ClusterVirtualImage', name: IMAGE },
      { kind: 'VirtualDisk', name: 'system', bootOrder: 1 },
    ],
  })
  const console = await space.booted('boots')
  const { status } = await space.get('VirtualMachine', 'boots')
  expect(status?.blockDeviceRefs).toMatchObject([
    { name: 'empty', target: 'sda', attached: true, size: '8Mi' },
    { name: 'tools', target: 'sdb', attached: true },
    { name: IMAGE, target: 'sdc', attached: true },
    { name: 'system', target: 'sdd', attached: true, bootOrder: 1 },
  ])
  expect(await console.ask('mount -t iso9660 /dev/sr0 /mnt && cat /mnt/readme; umount /mnt')).toBe('tools')
  // The guest names disks in the order in which it finds them.
  const disks = await console.ask('for d in /sys/block/sd*; do echo $(cat $d/size) $(cat $d/ro); done')
  expect(disks.split('\n').sort()).toEqual(['16384 0', expect.stringMatching(/ 0$/), expect.stringMatching(/ 1$/)])
  const write = 'dd if=/dev/zero of=/dev/$d count=1 2>&1'
  const written = await console.ask(`cd /sys/block; for d in sd*; do [ $(cat $d/ro) = 1 ] && ${write}; done; cd /`)
  expect(written).toMatch(/permi|denied|read-only/i)
})

it.concurrent('a read-only image that is no ISO cannot be the first to boot', async () => {
  await space.disk('later')
  await space.vm('cannot', {
    blockDeviceRefs: [
      { kind: 'ClusterVirtualImage', name: IMAGE, bootOrder: 1 },
      { kind: 'VirtualDisk', name: 'later' },
    ],
  })
  const waiting = await space.until(
    'VirtualMachine',
    'cannot',
    (vm) => condition(vm, 'Running').reason === 'NoBootableDevice',
  )
  expect(waiting.status?.phase).toBe('Pending')
  expect(condition(waiting, 'Running').message).toContain(`ClusterVirtualImage ${IMAGE} is first to boot`)
})
