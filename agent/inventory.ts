// At start, before anything may be started: what the domains that run already hold. A VM that runs keeps what it has.
import { setMaxListeners } from 'node:events'
import type { LibvirtPool } from '../lib/libvirt/index.ts'
import { ConnectListAllDomainsFlags } from '../lib/libvirt/index.ts'
import { appliedSpec, holdingOf } from './controllers/virtualmachine/assess.ts'
import type { Ledger } from './controllers/virtualmachine/ledger.ts'
import { domainRef, viewDomain } from './controllers/virtualmachine/observe.ts'

/** Looks at every running domain that carries our metadata; foreign ones are only counted by their absence. */
export async function loadLedger(libvirt: LibvirtPool, ledger: Ledger, signal: AbortSignal): Promise<number> {
  // All of them are asked for at the same time, and each call listens.
  setMaxListeners(0, signal)
  const active = ConnectListAllDomainsFlags.ACTIVE
  const { domains } = await libvirt.call('ConnectListAllDomains', { needResults: 1, flags: active }, { signal })
  const views = await Promise.all(domains.map(({ name, uuid }) => viewDomain(libvirt, domainRef(name, uuid), signal)))
  let ours = 0
  for (const view of views) {
    const metadata = view?.observed.metadata
    const spec = appliedSpec(view)
    if (!view || !metadata || spec === null) continue
    ours += 1
    ledger.record(view.observed.uuid, holdingOf(`${metadata.namespace}/${metadata.name}`, spec, view))
  }
  return ours
}
