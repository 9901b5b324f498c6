// The certificate of the TLS listeners while the server runs: renewed before its end, and exchanged when its files change. No restart.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Clock } from '../../clock.ts'
import { messageOf } from '../../errors.ts'
import { openIdentity, peekIdentity, RENEW_MS, type TlsIdentity } from './certificates.ts'

/** A certificate of the operator's own. */
export interface TlsFiles {
  /** PEM: the certificate, then those between it and its authority. */
  readonly certFile: string
  /** PEM of its key, without a password. */
  readonly keyFile: string
  /** PEM of the authority, for the kubeconfig that the server writes; the client's system decides when absent. */
  readonly caFile?: string
}

export interface TlsKeeperOptions {
  /** Where the built-in authority lives. */
  readonly folder: string
  readonly addresses: readonly string[]
  readonly clock: Clock
  /** In the place of the built-in certificate. The built-in authority still signs client certificates. */
  readonly files?: TlsFiles
  /** PEM of further authorities whose client certificates are taken. */
  readonly clientCaFile?: string
}

/** What a TLS listener needs now. */
export interface TlsMaterial {
  readonly key: string
  /** Certificate and chain. */
  readonly cert: string
  /** Authorities of client certificates. */
  readonly clientCas: readonly string[]
}

export interface KeeperLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}

/** A change of files is noticed within this time. */
const LOOK_MS = 5_000

interface Loaded extends TlsMaterial {
  /** For clients; empty when the operator's certificate comes without its authority. */
  readonly ca: string
}

export class TlsKeeper {
  readonly #options: TlsKeeperOptions
  readonly #listeners = new Set<(material: TlsMaterial) => void>()
  #loaded: Loaded

  private constructor(options: TlsKeeperOptions, loaded: Loaded) {
    this.#options = options
    this.#loaded = loaded
  }

  /** @throws Error with words for the operator */
  static async open(options: TlsKeeperOptions): Promise<TlsKeeper> {
    const own = await openIdentity(options)
    return new TlsKeeper(options, await load(options, own))
  }

  /** As {@link open}, without making or mending anything. @throws Error with words for the operator */
  static async peek(options: TlsKeeperOptions): Promise<TlsKeeper> {
    return new TlsKeeper(options, await load(options, await peekIdentity(options.folder)))
  }

  get key(): string {
    return this.#loaded.key
  }

  get cert(): string {
    return this.#loaded.cert
  }

  get clientCas(): readonly string[] {
    return this.#loaded.clientCas
  }

  get ca(): string {
    return this.#loaded.ca
  }

  /** Listeners hear of each exchange. Returns the unsubscribe function. */
  onChange(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Looks every few seconds until the signal aborts. A file that cannot be used is told of once, and what was good stays. */
  async keep(log: KeeperLog, signal: AbortSignal): Promise<void> {
    let told = ''
    try {
      for (;;) {
        await this.#options.clock.sleep(LOOK_MS, signal)
        try {
          if (await this.look()) log.info(this.describe(), 'the TLS listeners have a new certificate')
          told = ''
        } catch (error) {
          if (messageOf(error) !== told) log.warn({ reason: messageOf(error) }, 'the certificate was not exchanged')
          told = messageOf(error)
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** One look. @returns whether the material changed @throws Error with words for the operator */
  async look(): Promise<boolean> {
    const { files, clock } = this.#options
    const ending = Date.parse(new X509Certificate(this.#loaded.cert).validTo) - clock.now() < RENEW_MS
    const own =
      files === undefined && ending ? await openIdentity(this.#options) : await peekIdentity(this.#options.folder)
    const loaded = await load(this.#options, own)
    const same =
      loaded.key === this.#loaded.key &&
      loaded.cert === this.#loaded.cert &&
      loaded.clientCas.join() === this.#loaded.clientCas.join()
    if (same) return false
    this.#loaded = loaded
    for (const listener of this.#listeners) listener(loaded)
    return true
  }

  /** The name by which clients must ask for the certificate when they reach the server as `host`; null when that is a name of it. */
  nameFor(host: string): string | null {
    const certificate = new X509Certificate(this.#loaded.cert)
    const fits = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)
    if (fits !== undefined) return null
    const names = (certificate.subjectAltName ?? '').split(', ')
    const dns = names.find((name) => name.startsWith('DNS:') && !name.includes('*'))
    return dns?.slice('DNS:'.length) ?? null
  }

  /** For people. */
  describe(): { readonly subject: string; readonly validTo: string; readonly sha256: string } {
    const { subject, validTo, fingerprint256 } = new X509Certificate(this.#loaded.cert)
    return { subject: subject.replaceAll('\n', ', '), validTo, sha256: fingerprint256 }
  }
}

async function load(options: TlsKeeperOptions, own: TlsIdentity): Promise<Loaded> {
  const { identity, further } = await readTlsFiles(options)
  const clientCas = [own.ca, ...further]
  return { ...(identity ?? { key: own.key, cert: `${own.cert}${own.ca}`, ca: own.ca }), clientCas }
}

/** The operator's own files: certificate and key, if any, and further authorities of clients. @throws Error with words for the operator */
export async function readTlsFiles({ files, clientCaFile }: Pick<TlsKeeperOptions, 'files' | 'clientCaFile'>): Promise<{
  readonly identity: { readonly key: string; readonly cert: string; readonly ca: string } | null
  readonly further: readonly string[]
}> {
  const further = clientCaFile === undefined ? [] : [await pemOf('tls.clientCaFile', clientCaFile)]
  if (files === undefined) return { identity: null, further }
  const cert = await pemOf('tls.certFile', files.certFile)
  const key = await readPem('tls.keyFile', files.keyFile)
  if (!fitsKey(cert, key))
    throw new Error(`tls.keyFile ${files.keyFile} is not the key of tls.certFile ${files.certFile}`)
  return {
    identity: { key, cert, ca: files.caFile === undefined ? '' : await pemOf('tls.caFile', files.caFile) },
    further,
  }
}

async function readPem(name: string, path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${name} ${path} cannot be read: ${error.code ?? 'damaged'}`)
  })
}

async function pemOf(name: string, path: string): Promise<string> {
  const pem = await readPem(name, path)
  try {
    new X509Certificate(pem)
  } catch {
    throw new Error(`${name} ${path} holds no certificate in PEM`)
  }
  return pem
}

/** A certificate and a key of two moments, when one of the files was exchanged before the other, do not fit. */
function fitsKey(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}
