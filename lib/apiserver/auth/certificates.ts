// The server's TLS identity in its state folder: made at the first start, kept, made anew when it no longer fits.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { readIfThere, removeTemporaries, writeAtomically } from '../../files.ts'
import { type ClientSubject, makeCa, makeClientCertificate, makeServerCertificate, WORK_PREFIX } from './openssl.ts'

export interface TlsIdentity {
  /** PEM of the server's key. */
  readonly key: string
  /** PEM of the server's certificate. */
  readonly cert: string
  /** PEM of the CA's certificate, for clients. */
  readonly ca: string
}

export interface IdentityOptions {
  /** Where `ca.pem`, `server.pem` (0600, key and certificate together, so that they can't part) and `ca.crt` live. Made when absent (0700). */
  readonly folder: string
  /** What the server listens on, and further names of it. Wildcard addresses stand for every address of the machine. */
  readonly addresses: readonly string[]
  readonly clock: Clock
}

const CA_FILE = 'ca.pem'
const SERVER_FILE = 'server.pem'
const DAY_MS = 86_400_000
/** A certificate that ends sooner is replaced. */
export const RENEW_MS = 60 * DAY_MS

/** @throws Error with words for the operator */
export async function openIdentity({ folder, addresses, clock }: IdentityOptions): Promise<TlsIdentity> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeLeftovers(folder)
  const ca = await openCa(folder, clock)
  const subjects = subjectsOf(addresses)
  const present = await readIfThere(join(folder, SERVER_FILE))
  const fit = present !== null && fits(present, ca, subjects, clock)
  const server = fit ? present : await renewServer(folder, ca, subjects)
  const caCertificate = certificateIn(ca)
  if ((await readIfThere(join(folder, 'ca.crt'))) !== caCertificate)
    await writeAtomically(join(folder, 'ca.crt'), caCertificate, 0o644)
  return { key: keyIn(server), cert: certificateIn(server), ca: caCertificate }
}

/** What is there now, without a repair: another process may just be renewing it. @throws Error when it cannot be used */
export async function peekIdentity(folder: string): Promise<TlsIdentity> {
  const [ca, server] = [await readIfThere(join(folder, CA_FILE)), await readIfThere(join(folder, SERVER_FILE))]
  if (ca === null || parsed(ca) === null) throw new Error(`${join(folder, CA_FILE)} is missing or damaged`)
  if (server === null || parsed(server) === null) throw new Error(`${join(folder, SERVER_FILE)} is missing or damaged`)
  return { key: keyIn(server), cert: certificateIn(server), ca: certificateIn(ca) }
}

/** A new server certificate from the present authority, whatever the old one is like. @throws Error when there is no authority */
export async function renewIdentity({ folder, addresses }: Omit<IdentityOptions, 'clock'>): Promise<void> {
  await renewServer(folder, await readCa(folder), subjectsOf(addresses))
}

/** A client certificate from the present authority: its key, then the certificate. @throws Error with words */
export async function issueClient(folder: string, subject: ClientSubject): Promise<{ key: string; cert: string }> {
  const pem = await makeClientCertificate(folder, await readCa(folder), subject)
  return { key: keyIn(pem), cert: certificateIn(pem) }
}

async function readCa(folder: string): Promise<string> {
  const ca = await readIfThere(join(folder, CA_FILE))
  if (ca === null || parsed(ca) === null)
    throw new Error(`there is no authority in ${folder}: the server makes one at its first start`)
  return ca
}

async function renewServer(folder: string, ca: string, subjects: readonly string[]): Promise<string> {
  const server = await makeServerCertificate(folder, ca, subjects)
  await writeAtomically(join(folder, SERVER_FILE), server, 0o600)
  return server
}

/** What a crash left of earlier work in a folder of keys. */
export async function removeLeftovers(folder: string): Promise<void> {
  await removeTemporaries(folder)
  for (const name of await readdir(folder))
    if (name.startsWith(WORK_PREFIX)) await rm(join(folder, name), { recursive: true, force: true })
}

async function openCa(folder: string, clock: Clock): Promise<string> {
  const path = join(folder, CA_FILE)
  const present = await readIfThere(path)
  if (present !== null) {
    const certificate = parsed(present)
    if (certificate === null)
      throw new Error(
        `${path} is damaged: restore it, or remove it to get a new CA (clients then need the new kubeconfig)`,
      )
    if (lasts(certificate, clock)) return present
  }
  const made = await makeCa(folder)
  await writeAtomically(path, made, 0o600)
  return made
}

const lasts = (certificate: X509Certificate, clock: Clock): boolean =>
  Date.parse(certificate.validTo) - clock.now() > RENEW_MS

/** The certificate in a PEM with its own key, null when it is no such thing. */
export function parsed(pem: string): X509Certificate | null {
  try {
    const certificate = new X509Certificate(certificateIn(pem))
    return certificate.checkPrivateKey(createPrivateKey(keyIn(pem))) ? certificate : null
  } catch {
    return null
  }
}

function fits(server: string, ca: string, subjects: readonly string[], clock: Clock): boolean {
  const certificate = parsed(server)
  const issuer = new X509Certificate(certificateIn(ca))
  if (certificate === null || !certificate.verify(issuer.publicKey) || !lasts(certificate, clock)) return false
  return subjects.every((subject) =>
    isIP(subject) === 0 ? certificate.checkHost(subject) !== undefined : certificate.checkIP(subject) !== undefined,
  )
}

const block = (pem: string, label: RegExp): string => `${label.exec(pem)?.[0] ?? ''}\n`
/** The first certificate in a PEM. */
export const certificateIn = (pem: string): string =>
  block(pem, /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/)
/** The first key in a PEM. */
export const keyIn = (pem: string): string =>
  block(pem, /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----/)

const DNS_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/** What a client may call this server. Names that no certificate can have are left out. */
export function subjectsOf(addresses: readonly string[]): readonly string[] {
  const wildcard = addresses.some((address) => address === '0.0.0.0' || address === '::')
  const own = wildcard
    ? Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
    : []
  const names = ['localhost', '127.0.0.1', '::1', hostname(), ...addresses, ...own]
    .map((name) => name.toLowerCase().replace(/%.*$/, ''))
    .filter((name) => name !== '0.0.0.0' && name !== '::')
  return [...new Set(names)].filter((name) => isIP(name) !== 0 || DNS_NAME.test(name))
}
