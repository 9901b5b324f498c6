// What a binding asks and what is here -> what to do, and what to say of it. Pure.
import type { KubeObject } from '../../../lib/object.ts'
import { type HostBinding, isBound, type VirtualMachine, type VirtualMachineOperation } from '../../../schemas/index.ts'
import { type HandedOver, handedOver, subjectOf } from '../../cluster/binding-objects.ts'
import { leftBehind } from '../../migration/left-behind.ts'
import {
  CONFIG_MAPS,
  PRIORITY_CLASSES,
  SECRETS,
  STORAGE_CLASSES,
  VM_CLASSES,
  VM_CLEANUP,
  VM_OPERATIONS,
  VMS,
} from '../../names.ts'
import { berthOf, type VmStatus } from '../virtualmachine/status.ts'
import type { BindingCondition } from './conditions.ts'
import { copyOf, isCopy, resourceOf, sameContent } from './copies.ts'

export interface Have {
  /** The object of that name here, whoever made it. */
  readonly here: (resource: string, namespace: string, name: string) => KubeObject | null
  /** Whether some binding asks for the object with that uid. */
  readonly isNeeded: (uid: string) => boolean
}

export type BindingStep =
  | { readonly do: 'make-namespace'; readonly name: string }
  | { readonly do: 'make'; readonly resource: string; readonly copy: KubeObject }
  | { readonly do: 'follow'; readonly resource: string; readonly copy: KubeObject }
  | { readonly do: 'hand-over'; readonly vm: VirtualMachine; readonly from: HandedOver }
  | { readonly do: 'delete'; readonly resource: string; readonly object: KubeObject }

export interface BindingPlan {
  readonly steps: readonly BindingStep[]
  /** When all steps succeed. */
  readonly phase: 'Pending' | 'Accepted' | 'Releasing' | 'Released'
  readonly condition: BindingCondition
}

/** What comes along with a subject and is made here with it. Disks and images have bindings of their own. */
const ALONG: readonly string[] = [VM_CLASSES, PRIORITY_CLASSES, STORAGE_CLASSES, SECRETS, CONFIG_MAPS]

export function planBinding(binding: HostBinding, have: Have): BindingPlan {
  const { subject, role, deleted } = binding.spec
  const here = have.here(subject.resource, subject.namespace ?? '', subject.name)
  const mine = here?.metadata.uid === subject.uid ? here : null
  if (role === 'Released' || deleted) return release(binding, mine)
  const wanted = subjectOf<KubeObject>(binding)
  if (wanted === null) return pending('ObjectRefused', 'the subject did not come with the binding')
  const along = planAlong(binding, have)
  if ('condition' in along) return along
  const own = planSubject(subject.resource, wanted, here)
  if ('condition' in own) return own
  return {
    steps: [
      ...namespaces(binding, have),
      ...along.steps,
      ...own.steps,
      ...planHandOver(subject.resource, wanted, mine),
      ...operations(binding, have),
    ],
    phase: 'Accepted',
    condition: { type: 'Obeyed', status: 'True', reason: 'Obeyed' },
  }
}

type NotObeyed = Extract<BindingCondition, { status: 'False' }>['reason']

const pending = (reason: NotObeyed, message: string, steps: readonly BindingStep[] = []): BindingPlan => ({
  steps,
  phase: 'Pending',
  condition: { type: 'Obeyed', status: 'False', reason, message },
})

function release({ spec, status }: HostBinding, mine: KubeObject | null): BindingPlan {
  const releasing = (message: string, steps: readonly BindingStep[]): BindingPlan => ({
    steps,
    phase: 'Releasing',
    condition: { type: 'Obeyed', status: 'False', reason: 'Releasing', message },
  })
  if (mine !== null)
    return releasing(
      `the ${mine.kind} ${mine.metadata.name} is being removed from this host`,
      mine.metadata.deletionTimestamp === undefined
        ? [{ do: 'delete', resource: spec.subject.resource, object: mine }]
        : [],
    )
  if (leftBehind(status?.migration).length > 0)
    return releasing('disks that were made for a move which came to nothing are being removed', [])
  return { steps: [], phase: 'Released', condition: { type: 'Obeyed', status: 'True', reason: 'Released' } }
}

function namespaces({ objects = [] }: HostBinding, { here }: Have): readonly BindingStep[] {
  const names = new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))
  return [...names]
    .filter((name) => here('namespaces', '', name) === null)
    .map((name): BindingStep => ({ do: 'make-namespace', name }))
}

type Steps = { readonly steps: readonly BindingStep[] }

function planAlong({ objects = [] }: HostBinding, { here, isNeeded }: Have): Steps | BindingPlan {
  const steps: BindingStep[] = []
  for (const object of objects.slice(1)) {
    const resource = resourceOf(object)
    if (resource === null || !ALONG.includes(resource)) continue
    const copy = copyOf(object)
    const { namespace = '', name, uid } = object.metadata
    const found = here(resource, namespace, name)
    if (found === null) steps.push({ do: 'make', resource, copy })
    else if (found.metadata.uid === uid) {
      if (found.metadata.deletionTimestamp !== undefined) return pending('Waiting', goingWords(found))
      if (!isCopy(found, copy)) steps.push({ do: 'follow', resource, copy })
    } else if (sameContent(found, copy)) continue
    else if (!isBound(found)) return pending('NameTaken', takenWords(found))
    else if (isNeeded(found.metadata.uid))
      return pending('Waiting', `${goingWords(found)}, and other machines need it still`)
    else return pending('Waiting', goingWords(found), [{ do: 'delete', resource, object: found }])
  }
  return { steps }
}

function planSubject(resource: string, wanted: KubeObject, here: KubeObject | null): Steps | BindingPlan {
  const copy = copyOf(wanted)
  if (here === null) return { steps: [{ do: 'make', resource, copy: resource === VMS ? cleaning(copy) : copy }] }
  if (here.metadata.uid !== wanted.metadata.uid)
    return isBound(here) ? pending('Waiting', goingWords(here)) : pending('NameTaken', takenWords(here))
  if (here.metadata.deletionTimestamp !== undefined) return pending('Waiting', goingWords(here))
  return { steps: isCopy(here, copy) ? [] : [{ do: 'follow', resource, copy }] }
}

/** A move may make files and a domain for it before anything else looks at it. */
const cleaning = (copy: KubeObject): KubeObject => ({
  ...copy,
  metadata: { ...copy.metadata, finalizers: [VM_CLEANUP] },
})

const goingWords = ({ kind, metadata }: KubeObject): string =>
  `the earlier ${kind} ${metadata.name} (uid ${metadata.uid}) has to go from this host first`
const takenWords = ({ kind, metadata }: KubeObject): string =>
  `this host has a ${kind} ${metadata.name} of its own (uid ${metadata.uid}), which says something else`

/** A machine that ran elsewhere: this host has not decided anything about it yet. */
function planHandOver(resource: string, wanted: KubeObject, mine: KubeObject | null): readonly BindingStep[] {
  if (resource !== VMS) return []
  const from = handedOver(wanted as VirtualMachine)
  if (Object.keys(from.power).length === 0 && from.machineType === undefined) return []
  if (mine !== null && !isFresh(mine as VirtualMachine)) return []
  return [{ do: 'hand-over', vm: wanted as VirtualMachine, from }]
}

/** Nothing was decided about it here, and it never ran here. */
export const isFresh = ({ status }: VirtualMachine): boolean => {
  const { power, machineType } = berthOf(status)
  return machineType === undefined && Object.keys(power).length === 0
}

/** The status of the copy with what its last host knew; as it is where this host knows better. */
export function withHandedOver(vm: VirtualMachine, { power, machineType, times, address }: HandedOver): VmStatus {
  const status = vm.status ?? {}
  if (!isFresh(vm)) return status as VmStatus
  const berth = {
    ...berthOf(vm.status),
    power,
    ...(machineType === undefined ? {} : { machineType }),
    ...(times === undefined ? {} : { times }),
    ...(address === undefined ? {} : { carried: address }),
  }
  return { ...status, berth } as VmStatus
}

/** Operations that were asked of the scheduler and are to be done still. */
function operations({ objects = [] }: HostBinding, { here }: Have): readonly BindingStep[] {
  return objects.slice(1).flatMap((object): readonly BindingStep[] => {
    if (resourceOf(object) !== VM_OPERATIONS) return []
    const { namespace = '', name } = object.metadata
    const { phase = 'Pending' } = (object as VirtualMachineOperation).status ?? {}
    const open = phase === 'Pending' || phase === 'InProgress'
    // One of another uid has that name: the operation stays where it was asked, and is seen to wait there.
    if (!open || here(VM_OPERATIONS, namespace, name) !== null) return []
    return [{ do: 'make', resource: VM_OPERATIONS, copy: copyOf(object) }]
  })
}
