// GroupResource names and finalizers, as controllers use them, of an agent and of a scheduler.

const GROUP = 'virtualization.deckhouse.io'

export const VMS = `virtualmachines.${GROUP}`
export const VM_CLASSES = `virtualmachineclasses.${GROUP}`
export const VM_OPERATIONS = `virtualmachineoperations.${GROUP}`
export const DISKS = `virtualdisks.${GROUP}`
export const IMAGES = `virtualimages.${GROUP}`
export const CLUSTER_IMAGES = `clustervirtualimages.${GROUP}`
export const NAMESPACES = 'namespaces'
export const SECRETS = 'secrets'
export const CONFIG_MAPS = 'configmaps'
export const EVENTS = 'events'
export const NODES = 'nodes'
export const ROLES = 'roles.rbac.authorization.k8s.io'
export const ROLE_BINDINGS = 'rolebindings.rbac.authorization.k8s.io'
export const STORAGE_CLASSES = 'storageclasses.storage.k8s.io'
export const PRIORITY_CLASSES = 'priorityclasses.scheduling.k8s.io'

/** Holds a VM until its domain and its own files are gone. */
export const VM_CLEANUP = `${GROUP}/vm-cleanup`
/** Holds a class while virtual machines name it. */
export const VM_CLASS_IN_USE = `${GROUP}/vmclass-protection`
/** DVP's annotation (value `true`) of the class of virtual machines that name none. At most one class has it. */
export const DEFAULT_CLASS_ANNOTATION = `virtualmachineclass.${GROUP}/is-default-class`
/** Kubernetes' annotation (value `true`) of the class of disks that name none. */
export const DEFAULT_STORAGE_CLASS_ANNOTATION = 'storageclass.kubernetes.io/is-default-class'

export const HOST_BINDINGS = 'hostbindings.cluster.berth'

/** What a namespace's deletion removes, in this order: users of things before the things. */
export const DELETION_ORDER = [
  VM_OPERATIONS,
  VMS,
  DISKS,
  IMAGES,
  SECRETS,
  CONFIG_MAPS,
  EVENTS,
  ROLE_BINDINGS,
  ROLES,
] as const
