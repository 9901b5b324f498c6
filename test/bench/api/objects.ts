// The object that every row works with: a small disk, as the API stores it.
import { randomUUID } from 'node:crypto'
import type { NewObject } from '../../../lib/apiserver/resources.ts'
import type { VirtualDisk } from '../../../schemas/index.ts'

export const NAMESPACE = 'bench'
export const DISKS = 'virtualdisks.virtualization.deckhouse.io'
export const DISK_PATH = `/apis/virtualization.deckhouse.io/v1alpha2/namespaces/${NAMESPACE}/virtualdisks`

export const disk = (name: string): NewObject<VirtualDisk> => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualDisk',
  metadata: { name, namespace: NAMESPACE, labels: { app: 'bench', tier: 'data' } },
  spec: { persistentVolumeClaim: { size: '1Gi' } },
})

/** Names that nobody had before. */
export const newName = (): string => `made-${randomUUID()}`
