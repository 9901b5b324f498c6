// Executes the planner's steps on libvirt. Each is idempotent: "already so" is success. Nothing here decides anything.
import { rm } from 'node:fs/promises'
import {
  type BerthMetadata,
  type DiskPlan,
  type DomainPlan,
  diskXml,
  domainXml,
  METADATA_KEY,
  METADATA_URI,
  metadataXml,
  type ObservedDisk,
  observeDomain,
} from '../../../lib/domain/index.ts'
import { isNoDomain, isOperationFailed, isOperationInvalid, isUnsupported } from '../../../lib/libvirt/index.ts'
import { type DomainRef, domainRef, type LibvirtCalls } from './observe.ts'

/** virDomainShutdownFlags: the guest agent when it is connected, else ACPI, is what 0 means to QEMU's driver. */
const SHUTDOWN_DEFAULT = 0
/** VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | SNAPSHOTS_METADATA | NVRAM | CHECKPOINTS_METADATA | TPM. */
const UNDEFINE_ALL = 1 | 2 | 4 | 16 | 32
/** The same, but what firmware and TPM keep stays (KEEP_NVRAM, KEEP_TPM): the domain comes back under its own name. */
const UNDEFINE_TO_RENAME = 1 | 2 | 8 | 16 | 64
/** Firmware's and TPM's stay, and libvirt refuses when somebody made a saved image or snapshots of it: then it stays as it is. */
const UNDEFINE_TO_RENEW = 8 | 64
/**
 * VIR_DOMAIN_START_FORCE_BOOT: a memory image that somebody made with `virsh managedsave` is thrown away. It may be older than the
 * disks, and resumed on them it would destroy them.
 */
const START_FORCE_BOOT = 8
/** VIR_DOMAIN_XML_SECURE, with VIR_DOMAIN_XML_INACTIVE: what defining takes back whole. */
const XML_TO_DEFINE = 1 | 2
/** VIR_DOMAIN_LIFECYCLE_REBOOT, VIR_DOMAIN_LIFECYCLE_ACTION_{DESTROY,RESTART}. */
const LIFECYCLE_REBOOT = 1
const LIFECYCLE_ACTIONS = { destroy: 0, restart: 1 } as const
/** VIR_DOMAIN_AFFECT_LIVE, and with VIR_DOMAIN_AFFECT_CONFIG. */
const AFFECT_LIVE = 1
const AFFECT_CONFIG = 2
const AFFECT_BOTH = AFFECT_LIVE | AFFECT_CONFIG
/** VIR_DOMAIN_XML_INACTIVE, VIR_DOMAIN_METADATA_ELEMENT. */
const XML_INACTIVE = 2
const METADATA_ELEMENT = 2
/** Creating a domain may wait for QEMU's capabilities to be probed and for a busy host. */
const START_TIMEOUT_MS = 120_000
/** SIGTERM, 15 s, SIGKILL, 15 s is libvirt's own patience with a QEMU that does not end. */
const DESTROY_TIMEOUT_MS = 60_000

/** Somebody else's domain has the name; it is never touched. */
export class ForeignDomainError extends Error {
  override readonly name = 'ForeignDomainError'

  constructor(domain: string, options?: ErrorOptions) {
    super(`a domain named ${domain} that is not Berth's exists on this host; it is left alone`, options)
  }
}

export interface Defined {
  readonly dom: DomainRef
  /** The name that somebody had given it; null when it had its own. */
  readonly renamedFrom: string | null
}

export class DomainSteps {
  readonly #libvirt: LibvirtCalls

  constructor(libvirt: LibvirtCalls) {
    this.#libvirt = libvirt
  }

  /**
   * Takes away the definition of a domain that has run and is off, before it is defined and started anew. Before its commit
   * dd2f36d ("Don't handle the EOF event if vm get restarted") libvirt, 9.0 for one, handles the end of a QEMU's monitor late when its one
   * thread for such events is busy, and ends whatever runs by then in the same domain. A domain that is defined anew is another one to it.
   * @throws LibvirtError
   */
  async forgetRun(dom: DomainRef, signal: AbortSignal): Promise<void> {
    await quietly(() => this.#libvirt.call('DomainUndefineFlags', { dom, flags: UNDEFINE_TO_RENEW }, { signal }))
  }

  /**
   * Replaces the definition. One that somebody gave another name gets its own again: identity is the uuid.
   * @throws ForeignDomainError, LibvirtError
   */
  async define(plan: DomainPlan, signal: AbortSignal): Promise<Defined> {
    try {
      return { dom: await this.#define(domainXml(plan), signal), renamedFrom: null }
    } catch (error) {
      // libvirt has no code of its own for "the name is taken" and "the uuid is taken"; who has them says it.
      if (!isOperationFailed(error)) throw error
      if (await this.#isForeign(plan, signal)) throw new ForeignDomainError(plan.name, { cause: error })
      const other = await this.#nameOf(plan, signal)
      if (other === null || other === plan.name) throw error
      const dom = domainRef(other, plan.uuid)
      await quietly(() => this.#libvirt.call('DomainUndefineFlags', { dom, flags: UNDEFINE_TO_RENAME }, { signal }))
      return { dom: await this.#define(domainXml(plan), signal), renamedFrom: other }
    }
  }

  /** A running domain that somebody undefined gets its definition back, as it runs: else libvirt forgets it when it ends. */
  async persist(dom: DomainRef, signal: AbortSignal): Promise<void> {
    await quietly(async () => {
      const { xml } = await this.#libvirt.call('DomainGetXMLDesc', { dom, flags: XML_TO_DEFINE }, { signal })
      await this.#define(xml, signal)
    })
  }

  async start(dom: DomainRef, signal: AbortSignal): Promise<void> {
    try {
      await this.#libvirt.call(
        'DomainCreateWithFlags',
        { dom, flags: START_FORCE_BOOT },
        { signal, timeoutMs: START_TIMEOUT_MS },
      )
    } catch (error) {
      // "domain is already running": an earlier call, whose answer was lost, did it.
      if (!isOperationInvalid(error) || !(await this.#isActive(dom, signal))) throw error
    }
  }

  /** Asks the guest to power off. A guest that is just ending is no error. */
  async shutdown(dom: DomainRef, signal: AbortSignal): Promise<void> {
    await quietly(() => this.#libvirt.call('DomainShutdownFlags', { dom, flags: SHUTDOWN_DEFAULT }, { signal }))
  }

  async resume(dom: DomainRef, signal: AbortSignal): Promise<void> {
    await quietly(() => this.#libvirt.call('DomainResume', { dom }, { signal }))
  }

  async destroy(dom: DomainRef, signal: AbortSignal): Promise<void> {
    await quietly(() =>
      this.#libvirt.call('DomainDestroyFlags', { dom, flags: 0 }, { signal, timeoutMs: DESTROY_TIMEOUT_MS }),
    )
  }

  /**
   * On the definition as well: that is what libvirt shows of a domain that has ended, and tells an agent that was away whether a
   * reboot could have ended it. The next start defines anew.
   */
  async setOnReboot(dom: DomainRef, action: 'restart' | 'destroy', signal: AbortSignal): Promise<void> {
    const args = { dom, type: LIFECYCLE_REBOOT, action: LIFECYCLE_ACTIONS[action], flags: AFFECT_BOTH }
    await quietly(() => this.#libvirt.call('DomainSetLifecycleAction', args, { signal }))
  }

  /** Attaches the disk to the domain that runs, and to its definition. @throws LibvirtError */
  async attachDisk(dom: DomainRef, disk: DiskPlan, signal: AbortSignal): Promise<void> {
    const taken = await this.#defines(
      dom,
      ({ alias, target }) => alias === disk.alias || target === disk.target,
      signal,
    )
    const attach = (flags: number) =>
      this.#libvirt.call('DomainAttachDeviceFlags', { dom, xml: diskXml(disk), flags }, { signal })
    if (taken) return void (await attach(AFFECT_LIVE))
    try {
      await attach(AFFECT_BOTH)
    } catch (error) {
      // A definition that has lost its last device to boot from takes none any more (libvirt has put `<boot dev='hd'/>` there); the
      // next start defines anew.
      if (!isUnsupported(error)) throw error
      await attach(AFFECT_LIVE)
    }
  }

  /** Asks for the disk to be detached; libvirt's event, or another look, tells when it is. @throws LibvirtError */
  async detachDisk(dom: DomainRef, alias: string, signal: AbortSignal): Promise<void> {
    const defined = await this.#defines(dom, (disk) => disk.alias === alias, signal)
    const flags = defined ? AFFECT_BOTH : AFFECT_LIVE
    await this.#libvirt.call('DomainDetachDeviceAlias', { dom, alias, flags }, { signal })
  }

  /** Replaces our element in the running domain and in its definition. */
  async setMetadata(dom: DomainRef, metadata: BerthMetadata, signal: AbortSignal): Promise<void> {
    const args = { dom, type: METADATA_ELEMENT, metadata: metadataXml(metadata), key: METADATA_KEY, uri: METADATA_URI }
    await quietly(() => this.#libvirt.call('DomainSetMetadata', { ...args, flags: AFFECT_BOTH }, { signal }))
  }

  /** Replaces our element in the definition of a domain that is off. @throws LibvirtError, also when it is on by now */
  async setMetadataAtRest(dom: DomainRef, metadata: BerthMetadata, signal: AbortSignal): Promise<void> {
    const args = { dom, type: METADATA_ELEMENT, metadata: metadataXml(metadata), key: METADATA_KEY, uri: METADATA_URI }
    await this.#libvirt.call('DomainSetMetadata', { ...args, flags: AFFECT_CONFIG }, { signal })
  }

  /** Removes the definition with its firmware variables and what its TPM keeps; the disks stay. */
  async undefine(dom: DomainRef, signal: AbortSignal): Promise<void> {
    await quietly(() => this.#libvirt.call('DomainUndefineFlags', { dom, flags: UNDEFINE_ALL }, { signal }))
  }

  /** Removes what the VM alone has on the host: files, and folders with what is in them. */
  async removeFiles(paths: readonly string[]): Promise<void> {
    for (const path of paths) await rm(path, { recursive: true, force: true })
  }

  /**
   * Whether the definition has such a disk. It may be ahead of the running domain, which lets go later, or behind it, after a crash
   * of libvirtd; a change that it has already would be refused as a whole.
   */
  async #defines(dom: DomainRef, isIt: (disk: ObservedDisk) => boolean, signal: AbortSignal): Promise<boolean> {
    const { xml } = await this.#libvirt.call('DomainGetXMLDesc', { dom, flags: XML_INACTIVE }, { signal })
    return observeDomain(xml).disks.some(isIt)
  }

  async #define(xml: string, signal: AbortSignal): Promise<DomainRef> {
    return (await this.#libvirt.call('DomainDefineXMLFlags', { xml, flags: 0 }, { signal })).dom
  }

  /** The name under which libvirt knows the uuid; null when it does not. */
  async #nameOf({ uuid }: DomainPlan, signal: AbortSignal): Promise<string | null> {
    try {
      return (await this.#libvirt.call('DomainLookupByUUID', { uuid }, { signal })).dom.name
    } catch (error) {
      if (isNoDomain(error)) return null
      throw error
    }
  }

  async #isForeign({ name, uuid }: DomainPlan, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#libvirt.call('DomainLookupByName', { name }, { signal })).dom.uuid !== uuid
    } catch (error) {
      if (isNoDomain(error)) return false
      throw error
    }
  }

  async #isActive(dom: DomainRef, signal: AbortSignal): Promise<boolean> {
    const { state } = await this.#libvirt.call(
      'DomainGetState',
      { dom: domainRef(dom.name, dom.uuid), flags: 0 },
      { signal },
    )
    return state >= 1 && state <= 4
  }
}

/** The domain is gone, or no longer runs: what the call was for has happened. */
async function quietly(call: () => Promise<unknown>): Promise<void> {
  try {
    await call()
  } catch (error) {
    if (!isNoDomain(error) && !isOperationInvalid(error)) throw error
  }
}
