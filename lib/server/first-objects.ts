// What an agent creates once: the namespace `default`, the class `generic`, the storage class `dir`.
// Remembered outside the objects, so that what an operator deleted stays deleted.
import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  DEFAULT_CLASS_ANNOTATION,
  DEFAULT_STORAGE_CLASS_ANNOTATION,
  NAMESPACES,
  STORAGE_CLASSES,
  VM_CLASSES,
} from '../../schemas/resources.ts'
import type { Resources } from '../apiserver/resources.ts'
import { isApiError } from '../errors.ts'

/** File below the state folder that tells that a first start was. */
export const BOOTSTRAPPED = 'bootstrapped'

const FIRST_OBJECTS = [
  [NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } }],
  [
    VM_CLASSES,
    {
      apiVersion: 'virtualization.deckhouse.io/v1alpha3',
      kind: 'VirtualMachineClass',
      metadata: { name: 'generic', annotations: { [DEFAULT_CLASS_ANNOTATION]: 'true' } },
      spec: { cpu: { type: 'Model', model: 'Nehalem' } },
    },
  ],
  [
    STORAGE_CLASSES,
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'dir', annotations: { [DEFAULT_STORAGE_CLASS_ANNOTATION]: 'true' } },
      provisioner: 'berth/dir',
    },
  ],
] as const

/** Killed midway, it goes on: an object that is there already is fine until the mark is written. */
export async function createFirstObjects(resources: Resources, stateDir: string): Promise<void> {
  const mark = join(stateDir, BOOTSTRAPPED)
  const done = await access(mark).then(
    () => true,
    () => false,
  )
  if (done) return
  await makeFirstObjects(resources)
  await writeFile(
    mark,
    `${FIRST_OBJECTS.map(([resource, { metadata }]) => `${resource}/${metadata.name}`).join('\n')}\n`,
  )
}

/** Makes those that are not there. */
export async function makeFirstObjects(resources: Resources): Promise<void> {
  for (const [resource, object] of FIRST_OBJECTS) {
    try {
      await resources.create(resource, object)
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error
    }
  }
}
