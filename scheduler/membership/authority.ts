// The cluster's own authority: signs the certificates of hosts and of the scheduler, and nobody else's. Its key never leaves its folder.
import { X509Certificate } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { certificateIn, keyIn, parsed, removeLeftovers } from '../../lib/apiserver/auth/certificates.ts'
import { makeCa, makeRequest, signRequest } from '../../lib/apiserver/auth/openssl.ts'
import type { ClusterIdentity } from '../../lib/apiserver/listeners.ts'
import type { Clock } from '../../lib/clock.ts'
import { hashOfCertificate } from '../../lib/cluster/hash.ts'
import {
  NODES_GROUP,
  nodeServerName,
  nodeUser,
  SCHEDULER_SERVER_NAME,
  SCHEDULER_USER,
  SCHEDULERS_GROUP,
} from '../../lib/cluster/identity.ts'
import type { ClusterCredentials } from '../../lib/cluster/target.ts'
import { messageOf } from '../../lib/errors.ts'
import { readIfThere, writeAtomically } from '../../lib/files.ts'
import type { Log } from '../log.ts'
import type { OnAuthorityStep } from '../seams.ts'

/** Below the state folder. */
export const CLUSTER_FOLDER = 'cluster'
const CA_FILE = 'ca.pem'
const OWN_FILE = 'scheduler.pem'
const DAY_MS = 86_400_000
/** Of hosts and of the scheduler. */
export const CERTIFICATE_DAYS = 90
/** One that ends sooner is replaced. */
export const RENEW_MS = 30 * DAY_MS
const LOOK_MS = 3_600_000
const RETRY_MS = 60_000
/** User and group of the certificate that a host's QEMUs show each other: it opens nothing but a migration. */
const QEMU_USER = 'system:qemu:'
const QEMUS_GROUP = 'system:qemus'

export interface NodeSubject {
  readonly node: string
  /** Addresses under which others reach the host. */
  readonly addresses: readonly string[]
}

interface Opened {
  readonly folder: string
  readonly clock: Clock
  /** Keys and certificates, PEM. */
  readonly ca: string
  readonly own: string
  readonly onStep: OnAuthorityStep
}

export class ClusterAuthority {
  readonly #folder: string
  readonly #clock: Clock
  readonly #ca: string
  readonly #onStep: OnAuthorityStep
  readonly #listeners = new Set<() => void>()
  #own: string
  #identity: ClusterIdentity | null = null

  private constructor({ folder, clock, ca, own, onStep }: Opened) {
    this.#folder = folder
    this.#clock = clock
    this.#ca = ca
    this.#own = own
    this.#onStep = onStep
  }

  /** Made at the first start. @throws Error with words for the operator */
  static async open(
    stateDir: string,
    clock: Clock,
    onStep: OnAuthorityStep = () => undefined,
  ): Promise<ClusterAuthority> {
    const folder = join(stateDir, CLUSTER_FOLDER)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await removeLeftovers(folder)
    const ca = await openCa(folder, onStep)
    const present = await readIfThere(join(folder, OWN_FILE))
    const good = present !== null && isOf(present, ca) && lasts(present, clock)
    const own = good ? present : await makeOwn(folder, ca, onStep)
    return new ClusterAuthority({ folder, clock, ca, own, onStep })
  }

  /** PEM of its certificate. */
  get ca(): string {
    return certificateIn(this.#ca)
  }

  /** `sha256:…` of the authority's certificate: what `berth node join --ca-hash` compares. */
  get hash(): string {
    return hashOfCertificate(this.ca)
  }

  /** The scheduler's own certificate, as a client and as a server. Another object after each renewal. */
  get credentials(): ClusterCredentials {
    return { key: keyIn(this.#own), cert: certificateIn(this.#own), ca: this.ca }
  }

  /** For the TLS listeners; the same object until the next renewal. */
  get identity(): ClusterIdentity {
    this.#identity ??= { serverName: SCHEDULER_SERVER_NAME, ...this.credentials }
    return this.#identity
  }

  /** Hears of a new certificate of the scheduler. Returns the unsubscribe function. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A host's certificate for the key of its request. @throws Error when the request cannot be used */
  signNode(csr: string, { node, addresses }: NodeSubject): Promise<string> {
    const names = [nodeServerName(node), ...addresses]
    return this.#sign(csr, { user: nodeUser(node), group: NODES_GROUP, names })
  }

  /** What the host's QEMUs show each other. Their user can read its key, so it opens no API. @throws as {@link signNode} */
  signQemu(csr: string, { node, addresses }: NodeSubject): Promise<string> {
    const names = [nodeServerName(node), ...addresses]
    return this.#sign(csr, { user: `${QEMU_USER}${node}`, group: QEMUS_GROUP, names })
  }

  /** Renews the scheduler's own certificate in time, until the signal aborts. */
  async keep(log: Log, signal: AbortSignal): Promise<void> {
    let told = ''
    while (!signal.aborted) {
      let waitMs = LOOK_MS
      try {
        if (await this.look()) log.info(facts(this.#own), 'the scheduler has a new certificate of the cluster')
        told = ''
      } catch (error) {
        waitMs = RETRY_MS
        const words = messageOf(error)
        if (words !== told) log.warn({ reason: words }, 'the certificate of the scheduler could not be renewed')
        told = words
      }
      await this.#clock.sleep(waitMs, signal).catch(() => undefined)
    }
  }

  /** One look. @returns whether there is a new one */
  async look(): Promise<boolean> {
    if (lasts(this.#own, this.#clock)) return false
    this.#own = await makeOwn(this.#folder, this.#ca, this.#onStep)
    this.#identity = null
    for (const listener of this.#listeners) listener()
    return true
  }

  async #sign(
    csr: string,
    subject: { readonly user: string; readonly group: string; readonly names: readonly string[] },
  ): Promise<string> {
    const pem = await signRequest(this.#folder, this.#ca, csr, { ...subject, days: CERTIFICATE_DAYS })
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = new X509Certificate(pem).publicKey
    if (type !== 'ec' || details?.namedCurve !== 'prime256v1')
      throw new Error('the key of the request must be on the curve P-256')
    this.#onStep('certificate-signed')
    return pem
  }
}

/** Of a certificate in PEM. */
export const serialOf = (pem: string): string => new X509Certificate(pem).serialNumber

/** For the log. */
const facts = (pem: string) => {
  const { serialNumber, validTo } = new X509Certificate(certificateIn(pem))
  return { serial: serialNumber, validTo }
}

async function openCa(folder: string, onStep: OnAuthorityStep): Promise<string> {
  const path = join(folder, CA_FILE)
  const present = await readIfThere(path)
  if (present === null) {
    const made = await makeCa(folder, 'Berth cluster CA')
    await writeAtomically(path, made, 0o600)
    onStep('authority-made')
    return made
  }
  if (parsed(present) === null)
    throw new Error(
      `${path} is damaged: restore it from a backup of the state folder. Without it no host can be told from a stranger; a new one means that every host joins anew`,
    )
  return present
}

async function makeOwn(folder: string, ca: string, onStep: OnAuthorityStep): Promise<string> {
  const { key, csr } = await makeRequest(folder)
  const cert = await signRequest(folder, ca, csr, {
    user: SCHEDULER_USER,
    group: SCHEDULERS_GROUP,
    names: [SCHEDULER_SERVER_NAME],
    days: CERTIFICATE_DAYS,
  })
  const pem = `${key}${cert}`
  await writeAtomically(join(folder, OWN_FILE), pem, 0o600)
  onStep('own-certificate-made')
  return pem
}

const isOf = (pem: string, ca: string): boolean =>
  parsed(pem)?.verify(new X509Certificate(certificateIn(ca)).publicKey) === true

const lasts = (pem: string, clock: Clock): boolean =>
  Date.parse(new X509Certificate(certificateIn(pem)).validTo) - clock.now() > RENEW_MS
