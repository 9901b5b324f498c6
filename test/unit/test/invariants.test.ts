// The checks of kill tests see what they are for: each row plants one fault.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { diskAlias } from '../../../lib/domain/index.ts'
import type { VirtualDisk, VirtualImage } from '../../../schemas/index.ts'
import { wrongDomains } from '../../chaos/invariants/domains.ts'
import { wrongFiles } from '../../chaos/invariants/files.ts'
import { moving } from '../../chaos/invariants/rest.ts'
import type { Domain, Objects } from '../../chaos/invariants/seen.ts'
import { aVm, VM_UID } from '../../support/objects.ts'
import { scratch } from '../../support/scratch.ts'

const DISK_UID = 'dddddddd-2222-4333-8444-555555555555'
const IMAGE_UID = 'aaaaaaaa-2222-4333-8444-555555555555'
const OTHER_UID = 'eeeeeeee-2222-4333-8444-555555555555'
const [DIGEST, OTHER_DIGEST] = ['a'.repeat(64), 'b'.repeat(64)]

const metadata = (name: string, uid: string) => ({ ...aVm().metadata, name, uid })
const attached = [{ kind: 'VirtualDisk' as const, name: 'root', size: '1Mi', attached: true }]
const vm = aVm({ status: { phase: 'Running', blockDeviceRefs: attached } })
const disk = {
  apiVersion: 'v1',
  kind: 'VirtualDisk',
  metadata: metadata('root', DISK_UID),
  spec: {},
  status: { phase: 'Ready', capacity: '1Mi' },
} as VirtualDisk
const image = {
  apiVersion: 'v1',
  kind: 'VirtualImage',
  metadata: metadata('image', IMAGE_UID),
  spec: {},
  status: { phase: 'Ready' },
} as unknown as VirtualImage
const objects: Objects = { vms: [vm], disks: [disk], images: [image], operations: [], namespaces: [], classes: [] }

describe('rest', () => {
  it('is when all have come to an end', () => {
    expect(moving(objects)).toEqual([])
  })
  it('is not while one is on its way, or going', () => {
    const starting = aVm({ status: { phase: 'Starting' } })
    const going = { ...disk, metadata: { ...disk.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
    expect(moving({ ...objects, vms: [starting], disks: [going] })).toEqual([
      expect.stringContaining('VirtualMachine default/web is Starting'),
      expect.stringContaining('VirtualDisk default/root is Ready and is being deleted'),
    ])
  })
})

describe('domains', () => {
  const observed = {
    name: 'default.web',
    uuid: VM_UID,
    metadata: { namespace: 'default', name: 'web', uid: VM_UID },
    disks: [{ alias: diskAlias(DISK_UID, false) }],
    nics: [],
  } as unknown as Domain['observed']
  const domain: Domain = { running: true, observed }
  const qemu = `/usr/bin/qemu-system-x86_64 -name guest=default.web -uuid ${VM_UID} -m 32`

  it('that are right have nothing wrong', () => {
    expect(wrongDomains(objects, [domain], [qemu, '/usr/sbin/libvirtd'])).toEqual([])
  })

  const rows: readonly (readonly [string, Partial<Objects>, readonly Domain[], readonly string[], string])[] = [
    ['no domain', {}, [], [], `what runs: status says ${VM_UID}, libvirt says not`],
    ['two QEMUs', {}, [domain], [qemu, qemu], `QEMU of: a process has ${VM_UID} twice`],
    [
      'a QEMU that libvirt has lost',
      {},
      [{ ...domain, running: false }],
      [qemu],
      `a process has ${VM_UID}, libvirt has`,
    ],
    ['a domain without object', { vms: [] }, [domain], [qemu], 'has no object'],
    [
      'metadata that is lost',
      {},
      [{ running: true, observed: omit(observed, 'metadata') }],
      [qemu],
      'has lost our metadata',
    ],
    [
      'a disk that is not in the spec',
      { vms: [aVm({ spec: { blockDeviceRefs: [] }, status: vm.status as object })] },
      [domain],
      [qemu],
      `the domain has ${DISK_UID}, the spec names not`,
    ],
    [
      'a disk that the status does not show',
      { vms: [aVm({ status: { phase: 'Running' } })] },
      [domain],
      [qemu],
      `the domain has ${DISK_UID}, the status shows not`,
    ],
  ]
  for (const [title, other, domains, processes, words] of rows)
    it(`${title}: is said`, () => {
      expect(wrongDomains({ ...objects, ...other }, domains, processes).join('\n')).toContain(words)
    })
})

describe('files', () => {
  let state: string
  const put = async (path: string, content: object = {}) => {
    await mkdir(dirname(join(state, path)), { recursive: true })
    await writeFile(join(state, path), JSON.stringify(content))
  }
  beforeEach(async () => {
    state = scratch()
    await put(`disks/${DISK_UID}.json`, { base: DIGEST, sizeBytes: '1048576' })
    await writeFile(join(state, `disks/${DISK_UID}.qcow2`), header(1_048_576n))
    await put(`images/objects/${IMAGE_UID}.json`, { digest: DIGEST })
    await put(`images/sha256/${DIGEST}`)
    await put(`images/sha256/${DIGEST}.json`)
    await put(`seeds/${VM_UID}.0123.iso`)
    await put(`console/${VM_UID}.log`)
  })

  it('that are right have nothing wrong', async () => {
    expect(await wrongFiles(state, objects)).toEqual([])
  })

  const rows: readonly (readonly [string, string])[] = [
    [`seeds/${OTHER_UID}.0123.iso`, 'belongs to no virtual machine'],
    ['seeds/.tmp-1', 'belongs to no virtual machine'],
    [`nvram/${OTHER_UID}.fd`, 'belongs to no virtual machine'],
    [`console/${OTHER_UID}.log`, 'belongs to no virtual machine'],
    [`disks/${OTHER_UID}.qcow2`, `disks/ has ${OTHER_UID}.qcow2, objects have not`],
    ['disks/.tmp-1', 'is unfinished and stays'],
    ['images/tmp/room', 'is unfinished and stays'],
    ['berth.db.seen.0123456789ab.tmp', 'is unfinished and stays'],
    [`images/objects/${OTHER_UID}.json`, `images/objects/ has ${OTHER_UID}.json, objects have not`],
    [`images/sha256/${OTHER_DIGEST}`, `images/sha256/ has ${OTHER_DIGEST}, needed is not`],
  ]
  for (const [path, words] of rows)
    it(`${path}: is said to be left over`, async () => {
      await put(path)
      expect((await wrongFiles(state, objects)).join('\n')).toContain(words)
    })

  it('of another size than they are said to have: is said', async () => {
    await writeFile(join(state, `disks/${DISK_UID}.qcow2`), header(2_097_152n))
    expect(await wrongFiles(state, objects)).toEqual([
      'VirtualDisk default/root has 2097152 bytes by its file, 1048576 bytes by its sidecar, 1048576 bytes by its status',
    ])
  })

  it('that are missing are named', async () => {
    const second = { ...disk, metadata: metadata('second', OTHER_UID) }
    expect((await wrongFiles(state, { ...objects, disks: [disk, second] })).join('\n')).toContain(
      `objects have ${OTHER_UID}.qcow2, disks/ has not`,
    )
    await put(`images/objects/${IMAGE_UID}.json`, { digest: OTHER_DIGEST })
    expect((await wrongFiles(state, objects)).join('\n')).toContain(`needed is ${OTHER_DIGEST}, images/sha256/ has not`)
  })
})

/** As much of a qcow2 header as tells the size. */
function header(size: bigint): Buffer {
  const bytes = Buffer.alloc(32)
  bytes.write('QFI\xfb', 'latin1')
  bytes.writeBigUInt64BE(size, 24)
  return bytes
}

function omit<T extends object, K extends keyof T>(object: T, key: K): T {
  const { [key]: _, ...rest } = object
  return rest as T
}
