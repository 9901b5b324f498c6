// What an operator decides about imports, in units that code uses.

export interface ImporterConfig {
  /** `address:port` or `host:port` that may be reached although it is loopback, link-local or this host. */
  readonly allow: readonly string[]
  /** Largest download, as it comes over the wire. */
  readonly maxBytes: bigint
  /** Largest disk that an image may describe, and largest file that a download may unpack to. */
  readonly maxVirtualBytes: bigint
  /** A download without a byte for so long has failed. */
  readonly stallTimeoutMs: number
  /** A download may take so long at most; its conversion likewise. */
  readonly totalTimeoutMs: number
  /** Imports at a time. */
  readonly concurrency: number
}
