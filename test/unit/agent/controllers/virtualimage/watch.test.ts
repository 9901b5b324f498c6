import { describe, expect, it } from 'vitest'
import { wireDisks, wireImages } from '../../../../../agent/controllers/virtualdisk/watch.ts'
import { DISKS, IMAGES } from '../../../../../agent/names.ts'
import type { KubeObject } from '../../../../../lib/object.ts'
import type { Reader } from '../../../../../lib/reconcile/reader.ts'
import type { Change } from '../../../../../lib/store/store.ts'

const metadata = { namespace: 'n', name: 'a', uid: 'u', generation: 1, resourceVersion: '1', creationTimestamp: '' }
const image: KubeObject = {
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualImage',
  metadata,
  status: { phase: 'Provisioning', progress: '10%', downloadSpeed: { avg: '1Mi' } },
}
const disk: KubeObject = {
  ...image,
  kind: 'VirtualDisk',
  spec: { dataSource: { type: 'ObjectRef', objectRef: { kind: 'VirtualImage', name: 'base' } } },
} as KubeObject

/** Keys that a change wakes. */
function woken(wire: (reader: Reader, sink: { enqueue(key: string): void }) => void, resource: string) {
  const listeners: ((change: Change) => void)[] = []
  const keys: string[] = []
  const reader = {
    onChange: (listener: (change: Change) => void) => listeners.push(listener),
    byIndex: () => [{ metadata: { ...metadata, name: 'made-of-it' } }],
    list: () => [],
  } as unknown as Reader
  wire(reader, { enqueue: (key) => keys.push(key) })
  return (previous: KubeObject, more: Partial<KubeObject>): readonly string[] => {
    keys.length = 0
    const value = { ...previous, metadata: { ...metadata, resourceVersion: '2' }, ...more } as KubeObject
    const key = { resource, namespace: 'n', name: 'a' }
    for (const listen of listeners) listen({ type: 'put', previous, entry: { key, value, revision: 2n } })
    return keys
  }
}

const further = { status: { phase: 'Provisioning', progress: '20%', downloadSpeed: { avg: '2Mi' } } }
const ready = { status: { phase: 'Ready', progress: '100%' } }
const wireVirtualImages: typeof wireDisks = (reader, sink) => wireImages(reader, 'VirtualImage', sink)

describe('who writes how far an import is does not wake himself by it', () => {
  it.each([
    ['images', wireVirtualImages, IMAGES, image, ['n/a']],
    ['images by disks that wait for them', wireVirtualImages, DISKS, disk, ['n/base']],
    ['disks', wireDisks, DISKS, disk, ['n/a']],
    ['disks by images that they wait for', wireDisks, IMAGES, image, ['n/made-of-it']],
  ] as const)('%s', (_, wire, resource, object, wakes) => {
    const change = woken(wire, resource)
    expect(change(object, further)).toEqual([])
    expect(change(object, ready)).toEqual(wakes)
    expect(change(object, { ...further, metadata: { ...metadata, deletionTimestamp: 'now' } })).toEqual(wakes)
  })
})
