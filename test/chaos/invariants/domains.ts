// Domains and QEMU's processes against the objects, both ways; disks of running domains against spec and status.
import { diskOfAlias } from '../../../lib/domain/index.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { type Domain, differences, labelOf, type Objects, phaseOf } from './seen.ts'

export function wrongDomains(
  { vms, disks }: Objects,
  domains: readonly Domain[],
  processes: readonly string[],
): readonly string[] {
  const uids = (list: readonly VirtualMachine[]) => list.map(({ metadata }) => metadata.uid)
  const known = new Map(vms.map((vm) => [vm.metadata.uid, vm]))
  const shouldRun = uids(vms.filter((vm) => phaseOf(vm) === 'Running'))
  const running = domains.filter((domain) => domain.running)
  const programs = processes.filter((line) => line.includes('qemu-system') && line.includes('-uuid '))
  return [
    ...domains
      .filter(({ observed }) => !known.has(observed.uuid))
      .map(({ observed }) => `the domain ${observed.name} (${observed.uuid}) has no object`),
    ...differences(
      'what runs',
      ['status says', shouldRun],
      ['libvirt says', running.map(({ observed }) => observed.uuid)],
    ),
    ...differences(
      'QEMU of',
      ['a process has', programs.map((line) => /-uuid (\S+)/.exec(line)?.[1] ?? line)],
      ['libvirt has', running.map(({ observed }) => observed.uuid)],
    ),
    ...domains.flatMap(({ observed }) => {
      const vm = known.get(observed.uuid)
      return vm === undefined ? [] : wrongIdentity(vm, observed.name, observed.metadata)
    }),
    ...running.flatMap((domain) => {
      const vm = known.get(domain.observed.uuid)
      return vm === undefined ? [] : wrongDisks(vm, domain, disks)
    }),
  ]
}

function wrongIdentity(vm: VirtualMachine, name: string, metadata: Domain['observed']['metadata']): readonly string[] {
  const { namespace, name: own, uid } = vm.metadata
  if (name !== `${namespace}.${own}`) return [`the domain of ${labelOf(vm)} is called ${name}`]
  if (metadata === undefined) return [`the domain ${name} has lost our metadata`]
  const right = metadata.namespace === namespace && metadata.name === own && metadata.uid === uid
  return right ? [] : [`the metadata of ${name} is that of ${metadata.namespace}/${metadata.name} ${metadata.uid}`]
}

function wrongDisks(vm: VirtualMachine, { observed }: Domain, disks: Objects['disks']): readonly string[] {
  const uidsOf = (refs: readonly { readonly kind?: string; readonly name?: string }[]) =>
    disks
      .filter(({ metadata }) => metadata.namespace === vm.metadata.namespace)
      .filter(({ metadata }) => refs.some(({ kind, name }) => kind === 'VirtualDisk' && name === metadata.name))
      .map(({ metadata }) => metadata.uid)
  const has = observed.disks.flatMap(({ alias }) => diskOfAlias(alias)?.uid ?? [])
  const own = has.filter((uid) => disks.some(({ metadata }) => metadata.uid === uid))
  const attached = vm.status?.blockDeviceRefs?.filter((device) => device.attached) ?? []
  const what = `disks of ${labelOf(vm)}`
  return [
    ...differences(what, ['the spec names', uidsOf(vm.spec.blockDeviceRefs ?? [])], ['the domain has', own]),
    ...differences(what, ['the status shows', uidsOf(attached)], ['the domain has', own]),
  ]
}
