// What can go wrong, as few classes. Callers decide on the class and on `code`, never on message text.

import { ErrorNumber } from './constants.gen.ts'
import type { RemoteError } from './protocol.gen.ts'

/**
 * What is known about a call that did not get its answer: `none` means that it was never sent; `unknown` means that
 * libvirt may have done it, may still do it, or may never: look before doing it again.
 */
export type Effect = 'none' | 'unknown'

/** libvirt's own answer that a call failed. The call is over and had no effect beyond what the message says. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError'
  /** The procedure that failed, by libvirt's name. */
  readonly procedure: string
  /** `ErrorNumber`: the kind of fault. */
  readonly code: number
  /** `ErrorDomain`: the part of libvirt that reports it. */
  readonly domain: number
  /** `ErrorLevel`: 1 warning, 2 error. */
  readonly level: number

  constructor(procedure: string, error: Pick<RemoteError, 'code' | 'domain' | 'level' | 'message'>) {
    super(error.message ?? `libvirt error ${error.code} without a message`)
    this.procedure = procedure
    this.code = error.code
    this.domain = error.domain
    this.level = error.level
  }
}

/** No answer came in time. */
export class LibvirtTimeout extends Error {
  override readonly name = 'LibvirtTimeout'
  readonly procedure: string
  readonly effect: Effect

  constructor(procedure: string, timeoutMs: number, effect: Effect) {
    const tail = effect === 'unknown' ? 'its effect is unknown' : 'it was not sent'
    super(`libvirt did not answer ${procedure} within ${Math.round(timeoutMs)} ms; ${tail}`)
    this.procedure = procedure
    this.effect = effect
  }
}

/** The connection ended, or could not be made; `cause` has the reason. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
  readonly effect: Effect

  constructor(message: string, effect: Effect, options?: ErrorOptions) {
    super(message, options)
    this.effect = effect
  }
}

/** The peer holds the connection and says nothing, not even to the heartbeat's pings. */
export class LibvirtSilent extends Error {
  override readonly name = 'LibvirtSilent'
}

/**
 * Whether libvirt is there and does not answer (it hangs), rather than away: by the error of a call or of a connection, through
 * its causes.
 */
export function isSilence(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause)
    if (one instanceof LibvirtTimeout || one instanceof LibvirtSilent) return true
  return false
}

/** The peer sent bytes that are not the protocol. Fatal to the connection: a length-prefixed stream has no way back. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/** An argument that cannot be put on the wire; nothing was sent. The message names the field. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError'
}

const hasCode = (error: unknown, ...codes: readonly number[]): error is LibvirtError =>
  error instanceof LibvirtError && codes.includes(error.code)

export const isNoDomain = (error: unknown): error is LibvirtError => hasCode(error, ErrorNumber.ERR_NO_DOMAIN)
export const isNoNetwork = (error: unknown): error is LibvirtError => hasCode(error, ErrorNumber.ERR_NO_NETWORK)
export const isNoStoragePool = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_NO_STORAGE_POOL)
export const isNoStorageVol = (error: unknown): error is LibvirtError => hasCode(error, ErrorNumber.ERR_NO_STORAGE_VOL)
export const isNoSecret = (error: unknown): error is LibvirtError => hasCode(error, ErrorNumber.ERR_NO_SECRET)
export const isNoSnapshot = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_NO_DOMAIN_SNAPSHOT)
/** The element asked for is not in the domain's metadata. */
export const isNoMetadata = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_NO_DOMAIN_METADATA)
/** The device to detach or change is not there. (By alias, libvirt 9 answers `ERR_INTERNAL_ERROR` instead.) */
export const isDeviceMissing = (error: unknown): error is LibvirtError => hasCode(error, ErrorNumber.ERR_DEVICE_MISSING)
/** It is there already. (Defining a domain under a name in use is `ERR_OPERATION_FAILED` instead.) */
export const isAlreadyThere = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_DOM_EXIST, ErrorNumber.ERR_NETWORK_EXIST, ErrorNumber.ERR_STORAGE_VOL_EXIST)
/** Not in this state: starting what runs, stopping what is off. */
export const isOperationInvalid = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_OPERATION_INVALID)
export const isOperationFailed = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_OPERATION_FAILED)
/** libvirt gave up waiting, usually for another job on the same domain. */
export const isOperationTimeout = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_OPERATION_TIMEOUT)
export const isOperationAborted = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_OPERATION_ABORTED)
export const isResourceBusy = (error: unknown): error is LibvirtError => hasCode(error, ErrorNumber.ERR_RESOURCE_BUSY)
/** The guest agent is not there or does not answer. */
export const isAgentUnavailable = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_AGENT_UNRESPONSIVE, ErrorNumber.ERR_AGENT_UNSYNCED)
export const isInvalidXml = (error: unknown): error is LibvirtError =>
  hasCode(error, ErrorNumber.ERR_XML_ERROR, ErrorNumber.ERR_XML_DETAIL, ErrorNumber.ERR_XML_INVALID_SCHEMA)
/** This driver, this libvirt or this QEMU cannot do it. A procedure that libvirtd does not know counts (`ERR_RPC`). */
export const isUnsupported = (error: unknown): error is LibvirtError =>
  hasCode(
    error,
    ErrorNumber.ERR_NO_SUPPORT,
    ErrorNumber.ERR_OPERATION_UNSUPPORTED,
    ErrorNumber.ERR_CONFIG_UNSUPPORTED,
    ErrorNumber.ERR_ARGUMENT_UNSUPPORTED,
    ErrorNumber.ERR_RPC,
  )
