// Streams over websockets as subresources (`virtualmachines/console`): the contract with those who serve them.
import type { WebSocket } from 'ws'

/** Who connects to what. */
export interface ConnectTarget {
  readonly namespace: string
  readonly name: string
  readonly query: URLSearchParams
  /** Name of the authenticated user. */
  readonly user: string
  /** Remote address, or `unix`. */
  readonly client: string
}

/** One kind of stream. The server does authentication, Origin, the subprotocol, keepalive and the end. */
export interface ConnectSubresource {
  /** `subresources.virtualization.deckhouse.io` */
  readonly group: string
  readonly version: string
  /** `virtualmachines` */
  readonly plural: string
  /** `console` */
  readonly name: string
  /** Kind shown in discovery. */
  readonly kind: string
  /** Websocket subprotocols understood; the client's first one among them is answered. A client that asks for none is taken too. */
  readonly protocols: readonly string[]
  /** Refuses before the upgrade by throwing `ApiError`: the client gets a plain `Status` answer. */
  check(target: ConnectTarget, signal: AbortSignal): Promise<void>
  /** Answers `?probe=true` without connecting. */
  probe?(target: ConnectTarget, signal: AbortSignal): Promise<unknown>
  /** Serves the stream until it ends; the signal aborts when the client is gone or the server closes. The socket is closed after it. */
  connect(target: ConnectTarget, socket: WebSocket, signal: AbortSignal): Promise<void>
}

/** Finds the stream that a path names. */
export const findConnect = (
  all: readonly ConnectSubresource[],
  path: {
    readonly group: string
    readonly version: string
    readonly plural: string
    readonly subresource: string | null
  },
): ConnectSubresource | undefined =>
  all.find(
    ({ group, version, plural, name }) =>
      group === path.group && version === path.version && plural === path.plural && name === path.subresource,
  )
