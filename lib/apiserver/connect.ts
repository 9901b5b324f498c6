// Subresources that are no stored objects: streams over websockets (`virtualmachines/console`) and documents read with GET
// (`virtualmachines/screenshot`). The contracts with those who serve them.
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
  /** Id of the request that opens the stream, as the audit log has it. */
  readonly request?: string
}

/** What a path names beside the stored kinds; always of something that has a name. */
export interface Subresource {
  /** `subresources.virtualization.deckhouse.io` */
  readonly group: string
  readonly version: string
  /** `virtualmachines` */
  readonly plural: string
  /** `console`; with the plural also the resource that a role names: `virtualmachines/console`. */
  readonly name: string
  /** Kind shown in discovery. */
  readonly kind: string
  /** `Cluster`: its path has no namespace. Default: `Namespaced`. */
  readonly scope?: 'Namespaced' | 'Cluster'
  /** `nodes`: for the cluster's own hosts, and in no role of people but that of administrators of everything. Default: whoever may use machines. */
  readonly audience?: 'people' | 'nodes'
}

/** A document that is made when it is asked for, or a large one that is there, with GET. */
export interface ReadSubresource extends Subresource {
  /** @throws ApiError; the signal aborts when its time is over. That of a {@link Content} counts from its answer on. */
  read(target: ConnectTarget, signal: AbortSignal): Promise<Document | Content>
}

export interface Document {
  /** Content type. */
  readonly type: string
  readonly body: Uint8Array
}

/** Bytes that do not fit into memory: sent piece by piece, as fast as the client takes them, whole or from an offset on. */
export interface Content {
  /** Content type. */
  readonly type: string
  /** Bytes in all. */
  readonly size: number
  readonly headers?: Readonly<Record<string, string>>
  /** Milliseconds for all of an answer; then the connection is cut. */
  readonly deadlineMs: number
  /**
   * The bytes from `start` up to and without `end`, in order. What was opened is closed when the reading ends, however it ends.
   * @throws ApiError before the first byte, for an answer in words
   */
  open(start: number, end: number): AsyncIterable<Uint8Array>
}

/** One kind of stream. The server does authentication, Origin, the subprotocol, keepalive and the end. */
export interface ConnectSubresource extends Subresource {
  /** Websocket subprotocols understood; the client's first one among them is answered. A client that asks for none is taken too. */
  readonly protocols: readonly string[]
  /** Refuses before the upgrade by throwing `ApiError`: the client gets a plain `Status` answer. */
  check(target: ConnectTarget, signal: AbortSignal): Promise<void>
  /** Answers `?probe=true` without connecting. */
  probe?(target: ConnectTarget, signal: AbortSignal): Promise<unknown>
  /**
   * Opens the stream's far end before the upgrade, so that its failure is a plain answer too. A stream that has this is
   * served by what it gives, and `connect` is for callers that upgrade first.
   */
  open?(target: ConnectTarget, signal: AbortSignal): Promise<OpenedStream>
  /**
   * True for a stream whose client may leave data unread for as long as it likes, with pongs waiting behind them: only TCP
   * itself then says that a client is gone.
   */
  readonly patient?: boolean
  /** Serves the stream until it ends; the signal aborts when the client is gone or the server closes. The socket is closed after it. */
  connect(target: ConnectTarget, socket: WebSocket, signal: AbortSignal): Promise<void>
}

/** A far end that is open: exactly one of the two is called. */
export interface OpenedStream {
  /** As {@link ConnectSubresource.connect}. */
  connect(socket: WebSocket, signal: AbortSignal): Promise<void>
  /** The client went away before the upgrade. */
  drop(): void
}

/** Finds the subresource that a path names. */
export const findSubresource = <T extends Subresource>(
  all: readonly T[],
  path: {
    readonly group: string
    readonly version: string
    readonly plural: string
    readonly subresource: string | null
  },
): T | undefined =>
  path.subresource === null
    ? undefined
    : all.find(
        ({ group, version, plural, name }) =>
          group === path.group && version === path.version && plural === path.plural && name === path.subresource,
      )
