// Encryption of secret values at rest: AES-256-GCM under one key file of the server.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../errors.ts'
import { StoreError, type StoreKey, unavailable } from './store.ts'

const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16
const PREFIX = 'sealed:1:'

const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

const refuse = (message: string, cause?: unknown) => unavailable('unusable', message, cause)

/** The ciphertext is bound to these words, so that it opens only in the place it was made for. */
const boundTo = (key: StoreKey, field: string): Buffer =>
  Buffer.from(JSON.stringify([key.resource, key.namespace, key.name, field]))

/** Seals and opens texts. The same text never gives the same ciphertext twice. */
export class Sealer {
  readonly #key: Buffer

  /** @param key 32 random bytes */
  constructor(key: Buffer) {
    if (key.length !== KEY_BYTES) throw new RangeError(`a sealing key has ${KEY_BYTES} bytes`)
    this.#key = key
  }

  seal(key: StoreKey, field: string, plain: string): string {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv, { authTagLength: TAG_BYTES })
    cipher.setAAD(boundTo(key, field))
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
    return PREFIX + Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64')
  }

  /** @throws StoreError when the text was not sealed with this key for this place */
  open(key: StoreKey, field: string, sealed: unknown): string {
    const place = `${field} of ${key.resource} ${key.namespace}/${key.name}`
    if (typeof sealed !== 'string' || !sealed.startsWith(PREFIX)) throw refuse(`${place} is not encrypted in the store`)
    const bytes = Buffer.from(sealed.slice(PREFIX.length), 'base64')
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(boundTo(key, field))
      decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
      return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    } catch {
      throw refuse(`${place} cannot be decrypted: it was sealed with another key, for another object, or is damaged`)
    }
  }
}

/** Reads the key file. @throws StoreError when it is absent, readable by others, or not a key */
function readKey(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    const { mode, uid, size } = fstatSync(file)
    const own = process.geteuid?.() ?? uid
    if ((mode & 0o077) !== 0) {
      throw refuse(`the key file ${path} is accessible to others (mode ${(mode & 0o777).toString(8)}); make it 0600`)
    }
    if (uid !== own) throw refuse(`the key file ${path} belongs to user ${uid}, not to this server's user ${own}`)
    if (size !== KEY_BYTES)
      throw refuse(`the key file ${path} has ${size} bytes instead of ${KEY_BYTES}; restore it from a backup`)
    return readFileSync(file)
  } finally {
    closeSync(file)
  }
}

/** Writes a new key beside its place, then links it there: the file is complete or absent, and an existing one wins. */
function createKey(path: string): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}.new`
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, randomBytes(KEY_BYTES))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    linkSync(draft, path)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  } finally {
    unlinkSync(draft)
  }
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/**
 * The sealer of the key file at `path`.
 * @param create make the file when it is absent: only right when nothing was ever sealed
 * @throws StoreError with words for the operator
 */
export function openSealer(path: string, create: boolean): Sealer {
  try {
    return new Sealer(readKey(path))
  } catch (error) {
    if (error instanceof StoreError) throw error
    if (!isErrno(error, 'ENOENT')) throw refuse(`the key file ${path} cannot be read: ${messageOf(error)}`, error)
    if (!create) {
      throw refuse(
        `the key file ${path} is missing, and the database holds secrets sealed with it; restore it from a backup`,
      )
    }
  }
  try {
    createKey(path)
    return new Sealer(readKey(path))
  } catch (error) {
    if (error instanceof StoreError) throw error
    throw refuse(`the key file ${path} cannot be made: ${messageOf(error)}`, error)
  }
}
