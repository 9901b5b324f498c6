// At start, before anything may be started: what the domains that run already hold. A VM that runs keeps what it has.
import { setMaxListeners } from 'node:events'
import type { LibvirtPool } from '../lib/libvirt/index.ts'
import { ConnectListAllDomainsFlags } from '../lib/libvirt/index.ts'
import type { VirtualMachine } from '../schemas/index.ts'
import { appliedSpec, holdingOf } from './controllers/virtualmachine/assess.ts'
import { guessSpec } from './controllers/virtualmachine/drift.ts'
import type { Holding, Ledger } from './controllers/virtualmachine/ledger.ts'
import { type DomainView, domainRef, viewDomain } from './controllers/virtualmachine/observe.ts'

export interface InventoryDeps {
  readonly libvirt: LibvirtPool
  readonly ledger: Ledger
  /** The object with that uid; null when there is none. */
  readonly vmOf: (uid: string) => VirtualMachine | null
}

/** Looks at every running domain that is ours: by our note in it or, where somebody removed that, by its uuid. Foreign ones count nothing. */
export async function loadLedger({ libvirt, ledger, vmOf }: InventoryDeps, signal: AbortSignal): Promise<number> {
  // All of them are asked for at the same time, and each call listens.
  setMaxListeners(0, signal)
  const active = ConnectListAllDomainsFlags.ACTIVE
  const { domains } = await libvirt.call('ConnectListAllDomains', { needResults: 1, flags: active }, { signal })
  const views = await Promise.all(domains.map(({ name, uuid }) => viewDomain(libvirt, domainRef(name, uuid), signal)))
  let ours = 0
  for (const view of views) {
    const held = view === null ? null : holdingIn(view, vmOf)
    if (view === null || held === null) continue
    ours += 1
    ledger.record(view.observed.uuid, held)
  }
  return ours
}

function holdingIn(view: DomainView, vmOf: InventoryDeps['vmOf']): Holding | null {
  const { metadata, uuid } = view.observed
  const spec = appliedSpec(view)
  if (metadata && spec !== null) return holdingOf(`${metadata.namespace}/${metadata.name}`, spec, view)
  const vm = vmOf(uuid)
  if (vm === null) return null
  return holdingOf(`${vm.metadata.namespace}/${vm.metadata.name}`, guessSpec(vm, view.observed), view)
}
