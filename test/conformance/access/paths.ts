// Every path of a server: of each kind, stream, report and question, and what clients ask before them. From the lists that the server is
// made of, so that a new kind cannot be forgotten.

import type { Report } from '../../../lib/apiserver/http/router.ts'
import type { ConnectSubresource } from '../../../lib/apiserver/index.ts'
import { KINDS } from '../../../schemas/index.ts'
import type { KindDef } from '../../../schemas/kind.ts'

const STREAMS = 'subresources.virtualization.deckhouse.io'

/** Stands in for the agent's streams, which need libvirt: what is tested is who reaches them. */
export const streams: readonly ConnectSubresource[] = ['console', 'vnc', 'portforward'].map((name) => ({
  group: STREAMS,
  version: 'v1alpha2',
  plural: 'virtualmachines',
  name,
  kind: `VirtualMachine${name}`,
  protocols: [],
  check: async () => {},
  connect: (_target, _socket, signal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
}))

export const reports: readonly Report[] = [
  { group: STREAMS, version: 'v1alpha2', name: 'hostcheck', read: async () => ({ kind: 'HostCheck' }) },
  { group: STREAMS, version: 'v1alpha2', name: 'audit', restricted: true, read: async () => ({ kind: 'EventList' }) },
]

export const root = (group: string, version: string): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`

/** The collection of a kind, in a namespace where it has one. */
export const collection = ({ group, plural, namespaced }: KindDef, version: string, namespace = 'default'): string =>
  `${root(group, version)}/${namespaced ? `namespaces/${namespace}/` : ''}${plural}`

export const streamPaths = streams.map(
  ({ group, version, plural, name }) => `${root(group, version)}/namespaces/default/${plural}/web/${name}`,
)

const DISCOVERY = ['/', '/api', '/apis', '/version', '/healthz', '/livez', '/readyz', '/openapi/v2', '/openapi/v3']
const REVIEWS = ['selfsubjectaccessreviews', 'subjectaccessreviews', 'selfsubjectrulesreviews']

/** All of it, and what is not there. */
export const everyPath = (): readonly string[] => [
  ...DISCOVERY,
  ...KINDS.flatMap((kind) =>
    kind.versions.flatMap(({ name }) => {
      const at = collection(kind, name)
      const all = kind.namespaced ? [`${root(kind.group, name)}/${kind.plural}`] : []
      return [root(kind.group, name), `/openapi/v3${root(kind.group, name)}`, at, `${at}/x`, `${at}/x/status`, ...all]
    }),
  ),
  ...streamPaths,
  ...reports.map(({ group, version, name }) => `${root(group, version)}/${name}`),
  ...REVIEWS.map((name) => `/apis/authorization.k8s.io/v1/${name}`),
  '/apis/authentication.k8s.io/v1/tokenreviews',
  '/apis/authentication.k8s.io/v1/selfsubjectreviews',
  '/api/v1/namespaces/default/pods',
  '/metrics',
  '/nothing/at/all',
  '/%zz',
  '//api',
  '/api/v1/../..',
]
