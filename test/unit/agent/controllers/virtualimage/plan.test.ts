import { describe, expect, it } from 'vitest'
import type { ImageHave } from '../../../../../agent/controllers/virtualimage/observe.ts'
import { planImage } from '../../../../../agent/controllers/virtualimage/plan.ts'
import { imageStatus } from '../../../../../agent/controllers/virtualimage/status.ts'
import type { ImportState } from '../../../../../agent/images/import-queue.ts'
import type { StoredImage } from '../../../../../agent/images/stored.ts'
import type { VirtualImage } from '../../../../../schemas/index.ts'

const stored: StoredImage = {
  digest: 'a'.repeat(64),
  format: 'qcow2',
  sourceFormat: 'vmdk',
  virtualSize: 3n << 30n,
  storedSize: 300_000_000n,
  cdrom: false,
}
const content = { digest: stored.digest, sources: [{ node: 'h2', url: 'https://10.0.0.2:8750' }] }
const nobody = { vms: [], disks: [] }
const fresh: ImageHave = {
  deleting: false,
  held: { cleanup: false, protection: false },
  claim: 'none',
  image: null,
  import: null,
  content: null,
  users: nobody,
}
const held: ImageHave = { ...fresh, held: { cleanup: true, protection: false } }
const ready: ImageHave = { ...held, claim: 'fits', image: stored }
const used: ImageHave = { ...ready, users: { vms: ['ns/vm'], disks: [] } }

describe('planImage', () => {
  const rows: readonly [string, ImageHave, readonly string[]][] = [
    ['new: take hold, then import', fresh, ['hold', 'import']],
    ['held: import', held, ['import']],
    ['ready: keep the record up to date', ready, ['record']],
    ['ready and used: protect', used, ['protect', 'record']],
    ['used and protected', { ...used, held: { cleanup: true, protection: true } }, ['record']],
    ['no longer used', { ...ready, held: { cleanup: true, protection: true } }, ['unprotect', 'record']],
    ['made from another source: give that up first', { ...held, claim: 'other-source' }, ['release', 'import']],
    ['its file is lost: nothing is done behind the back', { ...ready, image: null }, ['record']],
    ['lost, and other hosts have it', { ...ready, image: null, content }, ['import']],
    ['ready, and other hosts have it too', { ...ready, content }, ['record']],
    ['deleted while importing', { ...held, deleting: true }, ['end-import', 'release', 'let-go']],
    ['deleted', { ...ready, deleting: true }, ['end-import', 'release', 'let-go']],
    [
      'deleted and protected, nobody uses it now',
      { ...ready, deleting: true, held: { cleanup: true, protection: true } },
      ['end-import', 'release', 'unprotect', 'let-go'],
    ],
    ['deleted but used by a VM: wait', { ...used, deleting: true }, []],
    ['deleted but under a disk: wait', { ...ready, deleting: true, users: { vms: [], disks: ['ns/d'] } }, []],
  ]
  for (const [title, have, steps] of rows) {
    it(title, () => expect(planImage(have).map((step) => step.do)).toEqual(steps))
  }
})

it('says where the content comes from', () => {
  expect(planImage({ ...held, content })).toEqual([{ do: 'import', content }])
  expect(planImage(held)).toEqual([{ do: 'import', content: null }])
})

const image: VirtualImage = {
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualImage',
  metadata: {
    name: 'i',
    namespace: 'ns',
    uid: 'u',
    resourceVersion: '1',
    generation: 4,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { storage: 'ContainerRegistry', dataSource: { type: 'HTTP', http: { url: 'http://a/' } } },
}
const NOW = Date.parse('2026-01-01T00:01:00Z')
const say = (have: ImageHave, before?: VirtualImage['status']) => imageStatus({ image, before, have, now: NOW })
const running = (bytes: number, total: number | null, stage: 'download' | 'convert' = 'download'): ImportState => ({
  kind: 'running',
  progress: { stage, bytes, total },
  speed: { average: 2 << 20, current: 1536 },
})
const failed = (attempt: number, retryAt: number | null): ImportState => ({
  kind: 'failed',
  message: 'cut',
  attempt,
  retryAt,
})

describe('imageStatus', () => {
  const rows: readonly [string, ImageHave, string, string, string, RegExp][] = [
    ['asked for', held, 'Pending', '0%', 'ProvisioningNotStarted', /^$/],
    [
      'in the line',
      { ...held, import: { kind: 'queued', ahead: 3 } },
      'Pending',
      '0%',
      'ProvisioningNotStarted',
      /3 imports come first/,
    ],
    ['half loaded', { ...held, import: running(50, 100) }, 'Provisioning', '45%', 'Provisioning', /downloaded/],
    ['of unknown length', { ...held, import: running(50, null) }, 'Provisioning', '0%', 'Provisioning', /downloaded/],
    ['converting', { ...held, import: running(9, 9, 'convert') }, 'Provisioning', '90%', 'Provisioning', /converted/],
    ['ready', ready, 'Ready', '100%', 'Ready', /^$/],
    [
      'claimed, its file not yet in place',
      { ...ready, image: null, import: running(9, 9, 'convert') },
      'Provisioning',
      '90%',
      'Provisioning',
      /converted/,
    ],
    ['lost', { ...ready, image: null }, 'ImageLost', '0%', 'ImageLost', /missing on this host/],
    [
      'failed, to be tried again',
      { ...held, import: failed(2, NOW + 5_000) },
      'Failed',
      '0%',
      'ProvisioningFailed',
      /^cut; attempt 2 failed, the next is at 2026-01-01T00:01:05Z$/,
    ],
    [
      'given up',
      { ...held, import: failed(6, null) },
      'Failed',
      '0%',
      'ProvisioningFailed',
      /^cut; gave up after 6 attempts$/,
    ],
    ['refused', { ...held, import: failed(1, null) }, 'Failed', '0%', 'ProvisioningFailed', /^cut$/],
    ['deleted', { ...ready, deleting: true }, 'Terminating', '100%', 'Ready', /^$/],
  ]
  for (const [title, have, phase, progress, reason, message] of rows) {
    it(title, () => {
      const status = say(have)
      expect(status).toMatchObject({ phase, progress, observedGeneration: 4 })
      const condition = status.conditions?.find(({ type }) => type === 'Ready')
      expect(condition).toMatchObject({ reason, status: reason === 'Ready' ? 'True' : 'False' })
      expect(condition?.message).toMatch(message)
    })
  }

  it('shows sizes for people and for programs', () => {
    expect(say(ready)).toMatchObject({
      format: 'vmdk',
      cdrom: false,
      size: { stored: '286.1Mi', storedBytes: '300000000', unpacked: '3Gi', unpackedBytes: '3221225472' },
    })
  })

  it('shows the speed while it loads', () => {
    expect(say({ ...held, import: running(1, 2) }).downloadSpeed).toEqual({
      avg: '2Mi',
      avgBytes: '2097152',
      current: '1.5Ki',
      currentBytes: '1536',
    })
  })

  it('a held image says by whom, and only when it is being deleted that it is waiting', () => {
    const both = { ...ready, users: { vms: ['ns/a', 'ns/b'], disks: ['ns/1', 'ns/2', 'ns/3', 'ns/4'] } }
    const by = 'attached to the virtual machine ns/a, ns/b; the base of the virtual disk ns/1, ns/2, ns/3 and others'
    const find = (have: ImageHave, type: string) => say(have).conditions?.find((condition) => condition.type === type)
    expect(find(both, 'InUse')).toMatchObject({ status: 'True', reason: 'AttachedToVirtualMachine', message: by })
    expect(find(both, 'Terminating')).toBeUndefined()
    expect(find({ ...both, deleting: true }, 'Terminating')).toMatchObject({
      status: 'True',
      reason: 'CleanupPending',
      message: `${by}: the image stays until then`,
    })
    expect(find({ ...ready, users: { vms: [], disks: ['ns/1'] } }, 'InUse')?.reason).toBe('UsedByVirtualDisk')
  })

  it('says the same of the same: nothing moves', () => {
    const first = say(used)
    expect(imageStatus({ image, before: first, have: used, now: NOW + 60_000 })).toEqual(first)
  })
})
