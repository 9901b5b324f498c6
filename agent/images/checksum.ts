// Checksums of a stream, and the comparison with what the object says.
import { createHash } from 'node:crypto'
import { refused } from './errors.ts'

/** Hex digests as an object gives them; DVP's Streebog ones can't be computed here. */
export interface Checksums {
  readonly md5?: string
  readonly sha1?: string
  readonly sha256?: string
  readonly sha512?: string
  readonly streebog256?: string
  readonly streebog512?: string
}

const SUPPORTED = ['md5', 'sha1', 'sha256', 'sha512'] as const

/** Takes the bytes of a download and says at the end whether they are the expected ones. */
export class ChecksumCheck {
  readonly #hashes

  /** @throws ImportError for a checksum that this host can't compute */
  constructor(expected: Checksums = {}) {
    if (expected.streebog256 !== undefined || expected.streebog512 !== undefined) {
      throw refused('Streebog checksums are not supported: give md5, sha1, sha256 or sha512')
    }
    this.#hashes = SUPPORTED.flatMap((name) => {
      const want = expected[name]
      return want === undefined ? [] : [{ name, want: want.toLowerCase(), hash: createHash(name) }]
    })
  }

  /** True when there is anything to compare. */
  get any(): boolean {
    return this.#hashes.length > 0
  }

  update(chunk: Uint8Array): void {
    for (const { hash } of this.#hashes) hash.update(chunk)
  }

  /** Call once, after the last byte. @throws ImportError */
  verify(): void {
    for (const { name, want, hash } of this.#hashes) {
      const have = hash.digest('hex')
      if (have !== want) throw refused(`the ${name} checksum is wrong: expected ${want}, the download has ${have}`)
    }
  }
}
