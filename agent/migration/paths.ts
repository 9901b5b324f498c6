// Files of a machine by their place on a host. Pure. Every host has the same tree below its state folder (docs/architecture.md, "Files");
// the folders of shared classes have the same path on all hosts.
import { basename, dirname, normalize } from 'node:path'
import { type ObservedDisk, observeDomain } from '../../lib/domain/index.ts'
import type { StorageClass } from '../../schemas/index.ts'

export type HostFile =
  | { readonly kind: 'disk'; readonly uid: string }
  | { readonly kind: 'content'; readonly digest: string }
  | { readonly kind: 'nvram' | 'console'; readonly uid: string }
  | { readonly kind: 'seed'; readonly uid: string }

/** What a path of any host stands for; null when it is none of ours. */
export function fileAt(path: string): HostFile | null {
  if (normalize(path) !== path) return null
  const folder = basename(dirname(path))
  const name = basename(path)
  const uid = /^([0-9a-f-]{36})[.]/.exec(name)?.[1]
  if (folder === 'sha256' && /^[0-9a-f]{64}$/.test(name)) return { kind: 'content', digest: name }
  if (uid === undefined) return null
  if (folder === 'disks' && name === `${uid}.qcow2`) return { kind: 'disk', uid }
  if (folder === 'nvram' && name === `${uid}.fd`) return { kind: 'nvram', uid }
  if (folder === 'console' && name === `${uid}.log`) return { kind: 'console', uid }
  return folder === 'seeds' && /^[0-9a-f-]{36}[.][0-9a-f]{16}[.]iso$/.test(name) ? { kind: 'seed', uid } : null
}

/** Whether a file lies in the folder of a class that all hosts share. */
export const inShared =
  (classes: readonly StorageClass[]) =>
  (path: string): boolean =>
    classes.some(
      ({ parameters }) =>
        parameters?.shared === 'true' &&
        parameters.path !== undefined &&
        path.startsWith(`${normalize(parameters.path)}/`),
    )

/** Disks of a running domain whose content goes along: those that the guest may write and that lie on this host alone. */
export const goAlong = (xml: string, shared: (path: string) => boolean): readonly ObservedDisk[] =>
  observeDomain(xml).disks.filter(
    ({ path, readonly }) => !readonly && path !== undefined && fileAt(path)?.kind === 'disk' && !shared(path),
  )
