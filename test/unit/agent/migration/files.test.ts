// What a target makes for a machine that comes: its local disks and its user data.
import { expect, it } from 'vitest'
import { targetFiles } from '../../../../agent/migration/files.ts'
import type { MoveBinding } from '../../../../agent/migration/records.ts'

const UID = '0d9f4a52-8f4e-4b8e-9d7c-0b9f6a1c2d3e'
const DISK = '11111111-2222-4333-8444-555555555555'
const xmlWith = (
  seed: string,
) => `<domain type='qemu'><name>default.web</name><uuid>${UID}</uuid><memory unit='KiB'>1024</memory><devices>
<disk type='file' device='disk'><source file='/a/disks/${DISK}.qcow2'/><target dev='sda' bus='scsi'/></disk>
${seed}</devices></domain>`
const SEED = `<disk type='file' device='cdrom'><source file='/a/seeds/${UID}.0123456789abcdef.iso'/><target dev='sdz' bus='scsi'/><readonly/></disk>`
const binding = {
  metadata: { name: UID },
  spec: { subject: { name: 'web' }, migration: { peer: { node: 'h1', url: 'https://h1' } } },
  objects: [{ kind: 'VirtualMachine', spec: { provisioning: { type: 'UserData', userData: '#!/bin/sh' } } }],
} as unknown as MoveBinding

/** A promise, and what ends it. */
function later<T>() {
  let end: { readonly resolve: (value: T) => void; readonly reject: (error: Error) => void } | undefined
  const promise = new Promise<T>((resolve, reject) => {
    end = { resolve, reject }
  })
  return { promise, resolve: (value: T) => end?.resolve(value), reject: (error: Error) => end?.reject(error) }
}

function world(xml = xmlWith(SEED)) {
  const begun: string[] = []
  const [disk, seed] = [later<{ readonly sizeBytes: bigint }>(), later<string>()]
  const begin = <T>(what: string, end: Promise<T>) => {
    begun.push(what)
    return end
  }
  const files = targetFiles({
    reader: { list: () => [] } as never,
    driver: { create: () => begin('disk', disk.promise) } as never,
    content: { claim: () => null } as never,
    peers: {} as never,
    seeds: { ensure: () => begin('seed', seed.promise) },
    manifest: async () => {
      begun.push('asked')
      return { xml, disks: [{ uid: DISK, sizeBytes: '1024', base: null }], images: [] }
    },
    stateDir: '/b',
  })
  const ended: string[] = []
  const signal = new AbortController().signal
  const preparing = files
    .prepare(binding, async () => begun.push('noted'), signal)
    .then(
      () => ended.push('done'),
      (error: Error) => ended.push(error.message),
    )
  return { begun, ended, disk, seed, preparing }
}

/** A disk over an image, which this host has or not when it is looked for, and when the disk is made. */
async function overImage(isSeen: boolean, isHeld: boolean): Promise<readonly string[]> {
  const steps: string[] = []
  let here = isHeld
  let claimed = false
  const files = targetFiles({
    reader: { list: () => [] } as never,
    driver: {
      create: async () => {
        steps.push(here ? 'disk' : 'no image')
        return here ? { sizeBytes: 1024n } : null
      },
    } as never,
    content: {
      get: async () => (isSeen ? {} : null),
      claim: () => (claimed ? {} : null),
      release: async () => {
        claimed = false
        steps.push('released')
      },
    } as never,
    peers: {
      ensureImage: async ({ digest }: { readonly digest: string }) => {
        steps.push(`fetched ${digest}`)
        here = claimed = true
      },
    } as never,
    seeds: { ensure: async () => '/b/seeds/x.iso' },
    manifest: async () => ({ xml: xmlWith(''), disks: [{ uid: DISK, sizeBytes: '1024', base: 'd1' }], images: [] }),
    stateDir: '/b',
  })
  await files.prepare(binding, async () => undefined, new AbortController().signal)
  return steps
}

it('fetches the image below a disk where it is not here yet, and holds it by a claim until the disk does', async () => {
  expect(await overImage(true, true)).toEqual(['disk'])
  expect(await overImage(false, false)).toEqual(['fetched d1', 'disk', 'released'])
})

it('fetches an image that went while the disk was to be made, and one that a disk of an earlier move lost', async () => {
  expect(await overImage(true, false)).toEqual(['no image', 'fetched d1', 'disk', 'released'])
  expect(await overImage(false, true)).toEqual(['fetched d1', 'disk', 'released'])
})

const settled = () => new Promise((resolve) => setTimeout(resolve, 10))

it('makes user data beside all else, and a disk when it is noted', async () => {
  const { begun, ended, disk, seed, preparing } = world()
  await settled()
  expect(begun.filter((what) => what !== 'seed')).toEqual(['asked', 'noted', 'disk'])
  expect(begun).toContain('seed')
  disk.resolve({ sizeBytes: 1024n })
  await settled()
  expect(ended).toEqual([])
  seed.resolve('/b/seeds/x.iso')
  await preparing
  expect(ended).toEqual(['done'])
})

it('has ended both when one of them fails', async () => {
  const { ended, disk, seed, preparing } = world()
  seed.reject(new Error('no program makes an ISO'))
  await settled()
  expect(ended).toEqual([])
  disk.resolve({ sizeBytes: 1024n })
  await preparing
  expect(ended).toEqual(['no program makes an ISO'])
})

it('does not fail for user data that the guest was not started with', async () => {
  const { ended, disk, seed, preparing } = world(xmlWith(''))
  seed.reject(new Error('no program makes an ISO'))
  disk.resolve({ sizeBytes: 1024n })
  await preparing
  expect(ended).toEqual(['done'])
})
