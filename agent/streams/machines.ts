// The virtual machine that a stream is about: its object, and its domain while it runs.
import type { ConnectTarget } from '../../lib/apiserver/connect.ts'
import { ApiError } from '../../lib/errors.ts'
import {
  ConnectionLost,
  type Domain,
  isNoDomain,
  isOperationInvalid,
  type LibvirtPool,
} from '../../lib/libvirt/index.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { VMS } from '../names.ts'

export interface Machine extends KubeObject {
  readonly status?: { readonly phase?: string }
}

export interface MachinesDeps {
  readonly libvirt: Pick<LibvirtPool, 'call'>
  readonly reader: Pick<Reader, 'get'>
}

export class Machines {
  readonly #deps: MachinesDeps

  constructor(deps: MachinesDeps) {
    this.#deps = deps
  }

  /** @throws ApiError `NotFound` */
  get({ namespace, name }: Pick<ConnectTarget, 'namespace' | 'name'>): Machine {
    const machine = this.#deps.reader.get<Machine>(VMS, { namespace, name })
    if (machine !== null) return machine
    const details = { group: 'virtualization.deckhouse.io', kind: 'virtualmachines', name }
    throw new ApiError('NotFound', `virtualmachines.virtualization.deckhouse.io "${name}" not found`, details)
  }

  /** The machine's active domain; null when it has none. @throws ApiError `ServiceUnavailable` without libvirt */
  async running({ metadata }: Machine, signal?: AbortSignal): Promise<Domain | null> {
    const limits = { lane: 'light', ...(signal === undefined ? {} : { signal }) } as const
    try {
      const { dom } = await this.#deps.libvirt.call('DomainLookupByUUID', { uuid: metadata.uid }, limits)
      // libvirt gives inactive domains the id -1.
      return dom.id >= 0 ? dom : null
    } catch (error) {
      if (isNoDomain(error) || isOperationInvalid(error)) return null
      throw lostLibvirt(error)
    }
  }

  /** @throws ApiError as `get` and `running`, and `Conflict` when it does not run */
  async requireRunning(machine: Machine, signal: AbortSignal): Promise<Domain> {
    const domain = await this.running(machine, signal)
    if (domain !== null) return domain
    const { name } = machine.metadata
    const phase = machine.status?.phase
    throw conflict(name, `virtual machine "${name}" is not running${phase === undefined ? '' : ` (${phase})`}`)
  }
}

/** What stands against it is the machine's state. */
export const conflict = (name: string, message: string): ApiError =>
  new ApiError('Conflict', message, { kind: 'VirtualMachine', name })

/** A lost connection as an answer; every other error as it is. */
export const lostLibvirt = (error: unknown): unknown =>
  error instanceof ConnectionLost
    ? new ApiError('ServiceUnavailable', 'the connection to libvirt was lost', {}, { cause: error })
    : error
