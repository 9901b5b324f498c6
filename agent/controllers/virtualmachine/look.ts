// One look at a machine: libvirt's view of it, what it depends on, what the host has for it. Changes nothing but the status of one that libvirt
// refuses to show.
import { messageOf } from '../../../lib/errors.ts'
import { LibvirtError } from '../../../lib/libvirt/index.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { bindingOf } from '../../cluster/standing.ts'
import { AGENT_EVENTS } from '../../events.ts'
import { brokenAt } from '../../migration/broken.ts'
import { looseEnds } from '../../network/loose-ends.ts'
import type { Look } from './assess.ts'
import { type Dependencies, resolveDependencies } from './dependencies.ts'
import type { VirtualMachineDeps } from './deps.ts'
import { domainName } from './domain-plan.ts'
import { attachedUids } from './live-devices.ts'
import { domainRef, viewDomain } from './observe.ts'
import { isActive } from './plan.ts'
import type { Tries } from './tries.ts'
import { type Blindness, isUnknown, markUnknown } from './unknown.ts'

/** @param failure of the step before; null when none failed @throws LibvirtError, when libvirt does not show it */
export async function lookAt(
  vm: VirtualMachine,
  failure: unknown,
  deps: VirtualMachineDeps,
  tries: Tries,
  signal: AbortSignal,
): Promise<Look> {
  const { uid } = vm.metadata
  const dom = domainRef(domainName(vm), uid)
  const read = (xml: string) => deps.definitions.read(uid, xml)
  const view = await viewDomain(deps.libvirt, dom, signal, read).catch((error: unknown) => unseen(vm, error, deps))
  const active = isActive(view?.state ?? null)
  tries.isIn(uid, view?.state ?? null)
  if (!active) {
    deps.guests.forget(uid)
    deps.definitions.forget(uid)
  }
  const mac = deps.network.name() === null ? null : deps.network.macOf(uid)
  return {
    view,
    dependencies: await dependenciesOf(vm, active ? attachedUids(view?.observed.disks ?? []) : [], deps),
    facts: deps.facts,
    qemuReason: deps.shutdowns.get(uid) ?? null,
    brokenAt: brokenAt(bindingOf(deps.reader, uid)),
    ...tries.of(uid),
    ...deps.standing.word(uid),
    silent: active && deps.pulse.isSilent(uid),
    loose: active ? looseEnds(view?.observed.nics ?? [], deps.network.plug()) : [],
    failure: failure === null ? null : messageOf(failure),
    ipAddress: active && mac !== null ? deps.network.addressOf(mac) : null,
    addressProblem: active && mac !== null ? deps.network.addressProblem(mac) : null,
    mac,
    guest: active && view?.observed.guestAgentConnected === true ? deps.guests.get(dom) : null,
    now: deps.clock.now(),
  }
}

/** libvirt is there and refuses to show this one: its status must not go on saying what was true before. */
async function unseen(
  vm: VirtualMachine,
  error: unknown,
  { resources, events, clock }: Pick<VirtualMachineDeps, 'resources' | 'events' | 'clock'>,
): Promise<never> {
  if (error instanceof LibvirtError) {
    const why: Blindness = { reason: 'LibvirtRefuses', message: `libvirt does not say how it is: ${error.message}` }
    if (!isUnknown(vm, why)) events.record(vm, AGENT_EVENTS.text('LibvirtRefuses', why.message))
    await markUnknown(vm, why, { resources, now: clock.now(), holds: () => true })
  }
  throw error
}

function dependenciesOf(
  vm: VirtualMachine,
  attached: readonly string[],
  { reader, volumes, facts, ledger, standing, network }: VirtualMachineDeps,
): Promise<Dependencies> {
  const diskHolder = (path: string, exceptUid: string) => ledger.diskHolder(path, exceptUid)
  const networkProblem = () => network.problem()
  return resolveDependencies(vm, attached, { reader, volumes, facts, diskHolder, networkProblem, standing })
}
