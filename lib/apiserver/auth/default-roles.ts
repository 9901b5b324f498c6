// The roles that every server has, made from the kinds and streams that it serves. Names and contents are DVP's where DVP has them:
// `d8:use:role:…` for what is in a namespace, `d8:manage:virtualization:…` for what belongs to the whole cluster.
import { ACCESS_GROUP } from '../../../schemas/access/token.ts'
import { SCHEDULERS_GROUP } from '../../../schemas/cluster/bound.ts'
import { CLUSTER_GROUP } from '../../../schemas/cluster/hostbinding.ts'
import { GROUP } from '../../../schemas/group.ts'
import type { KindDef } from '../../../schemas/kind.ts'
import { type PolicyRule, RBAC_GROUP } from '../../../schemas/rbac/shapes.ts'
import { AUTHENTICATED, JOINERS_GROUP, MASTERS, NODES_GROUP } from './caller.ts'

/** What a kind is to the roles. */
export type AccessClass =
  /** Machines, disks and all else in a namespace that people work with. */
  | 'workload'
  /** Acts on machines: start, stop, migrate. */
  | 'operation'
  /** Facts that only the server writes. */
  | 'record'
  | 'secret'
  /** Roles and bindings in a namespace. */
  | 'rbac'
  /** Cluster-scoped, named by workloads: classes, images for all. Everybody may read them. */
  | 'dictionary'
  /** Cluster-scoped: hosts and other parts of the installation. */
  | 'infrastructure'
  | 'namespace'
  /** Cluster-scoped roles, bindings, tokens, and what a scheduler and hosts tell each other: only who may do everything. */
  | 'credential'

/** Groups whose cluster-scoped kinds workloads name. */
const DICTIONARIES = [GROUP, 'storage.k8s.io', 'scheduling.k8s.io']
const OPERATIONS = /^virtualmachine\w*operations$/

/** Decided by what a kind is, so that a new kind has a place from its first day. */
export function accessClassOf(kind: KindDef): AccessClass {
  const { group, plural, namespaced } = kind
  if (group === CLUSTER_GROUP) return 'credential'
  if ((kind.secretFields ?? []).length > 0) return 'secret'
  if (group === RBAC_GROUP) return namespaced ? 'rbac' : 'credential'
  if (group === ACCESS_GROUP) return 'credential'
  if (group === '' && plural === 'namespaces') return 'namespace'
  if (group === '' && plural === 'events') return 'record'
  if (namespaced) return OPERATIONS.test(plural) ? 'operation' : 'workload'
  return DICTIONARIES.includes(group) ? 'dictionary' : 'infrastructure'
}

/** A resource that is no stored kind: a stream (`virtualmachines/console`) or a report. */
export interface ExtraResource {
  readonly group: string
  readonly resource: string
}

export interface DefaultRolesInput {
  readonly kinds: readonly KindDef[]
  /** Reached by `user` and above. */
  readonly streams: readonly ExtraResource[]
  /** Read by the other hosts of a cluster. */
  readonly ofNodes: readonly ExtraResource[]
  /** Kinds that are asked, not stored: by hosts, by whoever wants to become one, by who may read what they answer. */
  readonly askedByNodes: readonly ExtraResource[]
  readonly askedByJoiners: readonly ExtraResource[]
  readonly askedByViewers: readonly ExtraResource[]
  readonly askedOfInfrastructure: readonly ExtraResource[]
  /** Read by who sees the infrastructure. */
  readonly reports: readonly ExtraResource[]
}

const READ = ['get', 'list', 'watch']
const WRITE = ['create', 'update', 'patch', 'delete', 'deletecollection']

export const ROLE_NAMES = {
  viewer: 'd8:use:role:viewer',
  user: 'd8:use:role:user',
  editor: 'd8:use:role:manager',
  admin: 'd8:use:role:admin',
  clusterViewer: 'd8:manage:virtualization:viewer',
  clusterManager: 'd8:manage:virtualization:manager',
  clusterAdmin: 'cluster-admin',
  discovery: 'system:discovery',
  basicUser: 'system:basic-user',
  dictionary: 'berth:dictionary',
  metrics: 'berth:metrics',
  scheduler: 'berth:scheduler',
  node: 'berth:node',
  joiner: 'berth:joiner',
} as const

/** `ClusterRole`s by name. */
export function defaultRoles(input: DefaultRolesInput): ReadonlyMap<string, readonly PolicyRule[]> {
  const rules = (classes: readonly AccessClass[], verbs: readonly string[]): readonly PolicyRule[] =>
    byGroup(
      input.kinds
        .filter((kind) => classes.includes(accessClassOf(kind)))
        .map(({ group, plural }) => ({ group, resource: plural })),
      verbs,
    )
  const viewer = [
    ...rules(['workload', 'operation', 'record', 'namespace', 'dictionary'], READ),
    ...byGroup(input.askedByViewers, ['create']),
  ]
  const user = [
    ...viewer,
    ...rules(['secret', 'rbac'], READ),
    ...rules(['operation'], WRITE),
    ...byGroup(input.streams, ['get', 'create', 'update']),
  ]
  const editor = [...user, ...rules(['workload', 'secret'], WRITE)]
  const clusterViewer = [
    ...rules(['dictionary', 'infrastructure', 'namespace'], READ),
    ...byGroup(input.reports, ['get', 'list']),
    ...byGroup(input.askedOfInfrastructure, ['create']),
  ]
  return new Map<string, readonly PolicyRule[]>([
    [ROLE_NAMES.viewer, viewer],
    [ROLE_NAMES.user, user],
    [ROLE_NAMES.editor, editor],
    [ROLE_NAMES.admin, [...editor, ...rules(['rbac'], WRITE)]],
    [ROLE_NAMES.clusterViewer, clusterViewer],
    [ROLE_NAMES.clusterManager, [...clusterViewer, ...rules(['dictionary', 'infrastructure', 'namespace'], WRITE)]],
    [ROLE_NAMES.clusterAdmin, EVERYTHING],
    // A host is a scheduler's own: it reads all of it, writes bindings, and hands streams on.
    [ROLE_NAMES.scheduler, EVERYTHING],
    [ROLE_NAMES.discovery, [{ nonResourceURLs: [...DISCOVERY], verbs: ['get'] }]],
    [ROLE_NAMES.basicUser, BASIC_USER],
    // Tells names of machines in every namespace: bound to nobody but who is told so.
    [ROLE_NAMES.metrics, [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }]],
    [ROLE_NAMES.dictionary, rules(['dictionary'], READ)],
    [ROLE_NAMES.node, [...byGroup(input.ofNodes, ['get']), ...byGroup(input.askedByNodes, ['create'])]],
    [ROLE_NAMES.joiner, byGroup(input.askedByJoiners, ['create'])],
  ])
}

/** `ClusterRoleBinding`s: role by group. Bindings have the names of their roles. */
export const DEFAULT_BINDINGS: ReadonlyMap<string, string> = new Map([
  [ROLE_NAMES.clusterAdmin, MASTERS],
  [ROLE_NAMES.discovery, AUTHENTICATED],
  [ROLE_NAMES.basicUser, AUTHENTICATED],
  [ROLE_NAMES.dictionary, AUTHENTICATED],
  [ROLE_NAMES.scheduler, SCHEDULERS_GROUP],
  [ROLE_NAMES.node, NODES_GROUP],
  [ROLE_NAMES.joiner, JOINERS_GROUP],
])

const EVERYTHING: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
]

const DISCOVERY = [
  '/',
  '/api',
  '/api/*',
  '/apis',
  '/apis/*',
  '/healthz',
  '/healthz/*',
  '/livez',
  '/livez/*',
  '/openapi',
  '/openapi/*',
  '/readyz',
  '/readyz/*',
  '/version',
]

const BASIC_USER: readonly PolicyRule[] = [
  {
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    verbs: ['create'],
  },
  { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
]

/** One rule for each API group. */
function byGroup(resources: readonly ExtraResource[], verbs: readonly string[]): readonly PolicyRule[] {
  const groups = [...new Set(resources.map(({ group }) => group))]
  return groups.map((group) => ({
    apiGroups: [group],
    resources: [...new Set(resources.filter((one) => one.group === group).map(({ resource }) => resource))],
    verbs: [...verbs],
  }))
}
