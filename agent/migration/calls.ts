// What libvirt is told of a migration: flags and parameters of its managed protocol (version 3). Pure.
//
// The protocol as it was found on libvirt 9.0 (test/cluster/migration-agents.test.ts asks it anew):
// - Begin and Perform at the source, Prepare and Finish at the target, Confirm at the source; each answers a cookie for the next.
// - A client that goes during Perform ends nothing: libvirt sends the guest to its end and leaves the source paused (reason migration),
//   without a job, for whoever comes. So does a client that goes between Perform and Confirm, and so does a restart of libvirtd then.
//   A restart of libvirtd during Perform gives the source its guest back, which runs on.
// - The client that goes between Prepare and Finish takes the target's QEMU with it, and Perform fails: the source runs on.
//   So does a restart of the target's libvirtd before Finish.
// - With PAUSED the guest does not run at the target when Finish answers: nothing runs there before the target has decided. It stays
//   paused through a restart of libvirtd. libvirt refuses it together with POSTCOPY.
// - QEMU listens between Prepare and Finish only, on the address that it was given, for the guest and for its disks.
import {
  DomainMigrateFlags as Flag,
  Names,
  type ParamInput,
  type TypedParam,
  toParams,
} from '../../lib/libvirt/index.ts'
import type { BindingMigration } from '../../schemas/index.ts'

export interface MoveCalls {
  readonly source: number
  readonly target: number
  /** Of every call at that side; more with `more`. */
  params(more?: Readonly<Record<string, ParamInput | undefined>>): TypedParam[]
}

export interface MoveFacts {
  readonly options: BindingMigration['options']
  /** Targets (`sda`) of disks whose content goes along. */
  readonly disks: readonly string[]
  /** QEMU's TLS; off only where the configuration says so. */
  readonly tls: boolean
  /** The name that the other QEMU's certificate must have; told by the source. */
  readonly peerName?: string
}

/**
 * UNSAFE: whether both hosts see a disk in the same place is for Berth to know, by its class; libvirt would guess by the type of the file
 * system. CHANGE_PROTECTION: nobody changes the domain between Begin and Confirm.
 */
export function moveCalls({ options, disks, tls, peerName }: MoveFacts): MoveCalls {
  const { postCopy = false, autoConverge = false, parallelConnections = 0, bandwidthMiBps = 640 } = options
  const common =
    Flag.LIVE |
    Flag.PERSIST_DEST |
    Flag.UNDEFINE_SOURCE |
    Flag.UNSAFE |
    (tls ? Flag.TLS : 0) |
    (disks.length > 0 ? Flag.NON_SHARED_INC : 0) |
    (parallelConnections > 0 ? Flag.PARALLEL : 0) |
    (postCopy ? Flag.POSTCOPY : 0)
  const params: Readonly<Record<string, ParamInput | undefined>> = {
    [Names.MIGRATE_PARAM_MIGRATE_DISKS]: disks.length > 0 ? disks : undefined,
    [Names.MIGRATE_PARAM_BANDWIDTH]: bandwidthMiBps > 0 ? BigInt(bandwidthMiBps) : undefined,
    // Without it QEMU sends what is left as fast as it can.
    [Names.MIGRATE_PARAM_BANDWIDTH_POSTCOPY]: postCopy && bandwidthMiBps > 0 ? BigInt(bandwidthMiBps) : undefined,
    [Names.MIGRATE_PARAM_PARALLEL_CONNECTIONS]: parallelConnections > 0 ? parallelConnections : undefined,
    // The host of the address would be checked otherwise, and not even that by disks beside several connections.
    [Names.MIGRATE_PARAM_TLS_DESTINATION]: tls ? peerName : undefined,
  }
  return {
    source: common | Flag.CHANGE_PROTECTION | (autoConverge ? Flag.AUTO_CONVERGE : 0),
    target: common | (postCopy ? 0 : Flag.PAUSED),
    params: (more = {}) => toParams({ ...params, ...more }),
  }
}
