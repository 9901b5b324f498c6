// A second, independent way to make the protocol's bytes: the tests must not check the encoder with itself.

export const u32 = (value: number): Buffer =>
  Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map((b) => b & 255))
export const u64 = (value: bigint): Buffer => {
  const hex = BigInt.asUintN(64, value).toString(16).padStart(16, '0')
  return Buffer.from(hex, 'hex')
}
export const zeroes = (count: number): Buffer => Buffer.from(new Array<number>(count).fill(0))
export const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, zeroes((4 - (bytes.length % 4)) % 4)])
export const opaque = (bytes: Uint8Array): Buffer => Buffer.concat([u32(bytes.length), padded(bytes)])
export const str = (text: string): Buffer => opaque(Buffer.from(text, 'utf8'))
export const uuid = (text: string): Buffer => Buffer.from(text.split('-').join(''), 'hex')
export const none = u32(0)
export const some = (bytes: Uint8Array): Buffer => Buffer.concat([u32(1), bytes])
export const list = (...items: readonly Uint8Array[]): Buffer => Buffer.concat([u32(items.length), ...items])
export const cat = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts)

export const REMOTE = 0x20008086
export const QEMU = 0x20008087
export const KEEPALIVE = 0x6b656570
export const CALL = 0
export const REPLY = 1
export const MESSAGE = 2
export const STREAM = 3
export const OK = 0
export const ERROR = 1
export const MORE = 2

export interface Head {
  readonly program?: number
  readonly version?: number
  readonly procedure: number
  readonly type: number
  readonly serial?: number
  readonly status?: number
}

export const frame = (head: Head, payload: Uint8Array = Buffer.alloc(0)): Buffer =>
  cat(
    u32(28 + payload.length),
    u32(head.program ?? REMOTE),
    u32(head.version ?? 1),
    u32(head.procedure),
    u32(head.type),
    u32(head.serial ?? 0),
    u32(head.status ?? OK),
    payload,
  )

export const UUID_A = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9'
export const domain = (name = 'a', id = 1, identity = UUID_A): Buffer => cat(str(name), uuid(identity), u32(id))

/** libvirt's error: code, domain, message, level, and eight fields that say nothing here. */
export const remoteError = (code: number, message: string): Buffer =>
  cat(u32(code), u32(10), some(str(message)), u32(2), none, none, none, none, u32(-1), u32(-1), none)
