// At start, before anything may be started: which domains there are, and what those of ours that run already hold. A VM that runs keeps
// what it has.
import { setMaxListeners } from 'node:events'
import type { VirtualMachine } from '../schemas/index.ts'
import { appliedSpec } from './controllers/virtualmachine/assess.ts'
import { Definitions } from './controllers/virtualmachine/definitions.ts'
import { guessSpec } from './controllers/virtualmachine/drift.ts'
import type { Holding, Ledger } from './controllers/virtualmachine/ledger.ts'
import { type DomainView, domainRef, type LibvirtCalls, viewDomain } from './controllers/virtualmachine/observe.ts'
import { isActive } from './controllers/virtualmachine/plan.ts'
import { holdingOf } from './controllers/virtualmachine/reserve.ts'

export interface InventoryDeps {
  readonly ledger: Ledger
  /** The object with that uid; null when there is none. */
  readonly vmOf: (uid: string) => VirtualMachine | null
}

/** Every domain of the host, running or not, ours and foreign ones; `definitions` remembers what was read of those that run. */
export async function allDomains(
  libvirt: LibvirtCalls,
  signal: AbortSignal,
  definitions = new Definitions(),
): Promise<readonly DomainView[]> {
  // All of them are asked for at the same time, and each call listens.
  setMaxListeners(0, signal)
  const { domains } = await libvirt.call('ConnectListAllDomains', { needResults: 1, flags: 0 }, { signal })
  const views = await Promise.all(
    domains.map(({ name, uuid }) =>
      viewDomain(libvirt, domainRef(name, uuid), signal, (xml) => definitions.read(uuid, xml)),
    ),
  )
  const found = views.filter((view) => view !== null)
  definitions.keep(new Set(found.flatMap(({ state, observed }) => (isActive(state) ? [observed.uuid] : []))))
  return found
}

/** Those that carry our note. */
export const ours = (domains: readonly DomainView[]): readonly DomainView[] =>
  domains.filter(({ observed }) => observed.metadata !== undefined)

/**
 * Counts every running domain that is ours: by our note in it or, where somebody removed that, by its uuid. Foreign ones count nothing.
 * @returns how many run
 */
export function loadLedger(domains: readonly DomainView[], { ledger, vmOf }: InventoryDeps): number {
  let running = 0
  for (const view of domains) {
    const held = isActive(view.state) ? holdingIn(view, vmOf) : null
    if (held === null) continue
    running += 1
    ledger.record(view.observed.uuid, held)
  }
  return running
}

function holdingIn(view: DomainView, vmOf: InventoryDeps['vmOf']): Holding | null {
  const { metadata, uuid } = view.observed
  const spec = appliedSpec(view)
  if (metadata && spec !== null) return holdingOf(`${metadata.namespace}/${metadata.name}`, spec, view)
  const vm = vmOf(uuid)
  if (vm === null) return null
  return holdingOf(`${vm.metadata.namespace}/${vm.metadata.name}`, guessSpec(vm, view.observed), view)
}
