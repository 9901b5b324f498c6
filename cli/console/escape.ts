// Finds the key that leaves a console in what is typed.

/** Ctrl-], as in telnet and virsh. No byte of a UTF-8 character and no key's escape sequence has it. */
export const ESCAPE_BYTE = 0x1d

export interface Typed {
  /** What goes to the guest. */
  readonly bytes: Uint8Array
  /** True when the key was among it; what came after is dropped. */
  readonly left: boolean
}

export function splitAtEscape(chunk: Uint8Array): Typed {
  const at = chunk.indexOf(ESCAPE_BYTE)
  return at < 0 ? { bytes: chunk, left: false } : { bytes: chunk.subarray(0, at), left: true }
}
