// Bearer tokens: 256 random bits for the client, their SHA-256 for us. Whoever reads our files cannot come in with them.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { isRecord } from '../core/json.ts'
import { readIfThere, writeAtomically } from './files.ts'
import type { TokenCheck } from './gate.ts'

interface Known {
  readonly user: string
  readonly hash: Buffer
}

/** A plain hash is enough, as the tokens are random and long. */
const hashOf = (token: string): Buffer => createHash('sha256').update(token, 'utf8').digest()

/** The tokens of a server, kept in one file (0600). */
export class TokenStore implements TokenCheck {
  readonly #path: string
  #known: readonly Known[]

  private constructor(path: string, known: readonly Known[]) {
    this.#path = path
    this.#known = known
  }

  /** @throws Error when the file is there and damaged */
  static async load(path: string): Promise<TokenStore> {
    const text = await readIfThere(path)
    return new TokenStore(path, text === null ? [] : parse(text, path))
  }

  /** Looks at every token, in the same time whether and where one fits. */
  userOf(token: string): string | null {
    const hash = hashOf(token)
    let user: string | null = null
    for (const known of this.#known) if (timingSafeEqual(known.hash, hash)) user = known.user
    return user
  }

  /** A new token for `user`, in the place of all earlier ones. It can be seen only here. */
  async issue(user: string): Promise<string> {
    const token = randomBytes(32).toString('base64url')
    const known = [...this.#known.filter((one) => one.user !== user), { user, hash: hashOf(token) }]
    const tokens = known.map((one) => ({ user: one.user, sha256: one.hash.toString('hex') }))
    await writeAtomically(this.#path, `${JSON.stringify({ tokens }, null, 2)}\n`, 0o600)
    this.#known = known
    return token
  }
}

function parse(text: string, path: string): readonly Known[] {
  const damaged = new Error(`the token file ${path} is damaged; remove it and start again to get a new admin token`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw damaged
  }
  if (!isRecord(value) || !Array.isArray(value.tokens)) throw damaged
  return value.tokens.map((one: unknown) => {
    if (!isRecord(one) || typeof one.user !== 'string' || typeof one.sha256 !== 'string') throw damaged
    if (!/^[0-9a-f]{64}$/.test(one.sha256)) throw damaged
    return { user: one.user, hash: Buffer.from(one.sha256, 'hex') }
  })
}
