// What `kubectl get nodes` shows of a host in words, as for a node of Kubernetes. Pure.
import type { KubeObject } from '../../lib/object.ts'
import type { Node } from './node-schema.ts'

const ROLE = 'node-role.kubernetes.io/'

/** Label of a Node: its name. */
export const HOST_LABEL = 'kubernetes.io/hostname'

/** A host's role until people give it others: it runs machines. */
export const FIRST_ROLE: Readonly<Record<string, string>> = { [`${ROLE}worker`]: '' }

/** `Ready`; `NotReady` also of one that is not heard; `Unknown` before anything was told; of a cordoned one `Ready,SchedulingDisabled`. */
export function statusWords(object: KubeObject): string {
  const { spec, status } = object as Node
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status
  const word = ready === undefined ? 'Unknown' : ready === 'True' ? 'Ready' : 'NotReady'
  return spec?.unschedulable === true ? `${word},SchedulingDisabled` : word
}

/** Names of its labels `node-role.kubernetes.io/NAME`, `<none>` without. */
export function rolesWords({ metadata: { labels = {} } }: KubeObject): string {
  const roles = Object.keys(labels).flatMap((label) => (label.startsWith(ROLE) ? label.slice(ROLE.length) : []))
  return roles.sort().join(',') || '<none>'
}
