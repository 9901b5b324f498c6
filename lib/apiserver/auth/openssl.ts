// Certificates by the `openssl` program: a CA of our own and server certificates from it. Keys stay in files that only we can read.
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'

const CA_DAYS = 3650
const SERVER_DAYS = 825
const OPENSSL_MS = 30_000
/** Prefix of working folders; one that a crash left is removed at the next start. */
export const WORK_PREFIX = '.certificates-'

const caConfig = (name: string): string => `[req]
distinguished_name = name
prompt = no
x509_extensions = ca
[name]
CN = ${name}
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
`

const serverConfig = (subjects: readonly string[]): string => `[req]
distinguished_name = name
prompt = no
[name]
CN = Berth
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${subjects.map((subject) => (isIP(subject) === 0 ? `DNS:${subject}` : `IP:${subject}`)).join(', ')}
`

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-sha256']

/** A new CA as PEM: its key (ECDSA P-256), then its certificate. */
export async function makeCa(folder: string, name = 'Berth CA'): Promise<string> {
  return inWorkFolder(folder, async (work) => {
    await writeFile(join(work, 'ca.cnf'), caConfig(name))
    await openssl(work, [
      'req',
      '-x509',
      ...NEW_KEY,
      '-config',
      'ca.cnf',
      '-keyout',
      'key',
      '-out',
      'crt',
      '-days',
      String(CA_DAYS),
    ])
    return (await readFile(join(work, 'key'), 'utf8')) + (await readFile(join(work, 'crt'), 'utf8'))
  })
}

/** A server certificate as PEM: its new key, then the certificate. @param subjects DNS names and addresses, already checked */
export async function makeServerCertificate(folder: string, ca: string, subjects: readonly string[]): Promise<string> {
  return inWorkFolder(folder, (work) =>
    sign(work, ca, { config: serverConfig(subjects), section: 'server', days: SERVER_DAYS }),
  )
}

/** Whom a client certificate is for. */
export interface ClientSubject {
  readonly user: string
  readonly groups: readonly string[]
  readonly days: number
}

/** A subset that needs no escaping in openssl's configuration. X.509 allows 64 characters of a name. */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9 ._:@-]{0,62}[A-Za-z0-9])?$/

/** @throws Error with words */
function checkName(name: string): void {
  if (!NAME.test(name))
    throw new Error(
      `${JSON.stringify(name)} cannot be a name in a certificate: up to 64 letters, digits, spaces, ".", "_", ":", "@" and "-"`,
    )
}

const clientConfig = ({ user, groups }: ClientSubject): string => `[req]
distinguished_name = name
prompt = no
[name]
${groups.map((group, index) => `${index}.O = ${group}\n`).join('')}CN = ${user}
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`

/** A client certificate as PEM: its new key, then the certificate. @throws Error for names that a certificate should not have */
export async function makeClientCertificate(folder: string, ca: string, subject: ClientSubject): Promise<string> {
  for (const name of [subject.user, ...subject.groups]) checkName(name)
  if (!(Number.isInteger(subject.days) && subject.days >= 1 && subject.days <= CA_DAYS))
    throw new Error(`a certificate can last 1 to ${CA_DAYS} days`)
  return inWorkFolder(folder, async (work) =>
    sign(work, ca, { config: clientConfig(subject), section: 'client', days: subject.days }),
  )
}

/** A new key (ECDSA P-256) and a request for a certificate of it, as PEM. What the request says of its owner means nothing. */
export async function makeRequest(folder: string): Promise<{ readonly key: string; readonly csr: string }> {
  return inWorkFolder(folder, async (work) => {
    await openssl(work, ['req', '-new', ...NEW_KEY, '-subj', '/CN=Berth', '-keyout', 'key', '-out', 'csr'])
    return { key: await readFile(join(work, 'key'), 'utf8'), csr: await readFile(join(work, 'csr'), 'utf8') }
  })
}

/** Whom a certificate of both kinds, server and client, is for. */
export interface PeerSubject {
  readonly user: string
  readonly group: string
  /** DNS names and addresses, already checked. */
  readonly names: readonly string[]
  readonly days: number
}

const peerConfig = ({ names }: PeerSubject): string => `[peer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${names.map((name) => (isIP(name) === 0 ? `DNS:${name}` : `IP:${name}`)).join(', ')}
`

/**
 * A certificate for the key of a request, as PEM. Subject and names are the caller's: nothing is taken from the request but its key.
 *
 * @throws Error when the request is damaged or not signed with its own key
 */
export async function signRequest(folder: string, ca: string, csr: string, subject: PeerSubject): Promise<string> {
  for (const name of [subject.user, subject.group]) checkName(name)
  return inWorkFolder(folder, async (work) => {
    await writeFile(join(work, 'csr'), csr)
    await writeFile(join(work, 'own.cnf'), peerConfig(subject))
    const name = ['-subj', `/O=${subject.group}/CN=${subject.user}`]
    await signIn(work, ca, { section: 'peer', days: subject.days }, name)
    return readFile(join(work, 'crt'), 'utf8')
  })
}

interface Signing {
  readonly config: string
  /** Of the extensions in the configuration. */
  readonly section: string
  readonly days: number
}

async function sign(work: string, ca: string, { config, ...signing }: Signing): Promise<string> {
  await writeFile(join(work, 'own.cnf'), config)
  await openssl(work, ['req', '-new', ...NEW_KEY, '-config', 'own.cnf', '-keyout', 'key', '-out', 'csr'])
  await signIn(work, ca, signing, [])
  return (await readFile(join(work, 'key'), 'utf8')) + (await readFile(join(work, 'crt'), 'utf8'))
}

/** From `csr` and `own.cnf` in the working folder to `crt`. */
async function signIn(
  work: string,
  ca: string,
  { section, days }: Pick<Signing, 'section' | 'days'>,
  subject: readonly string[],
): Promise<void> {
  await writeFile(join(work, 'ca'), ca, { mode: 0o600 })
  const serial = `0x${randomBytes(15).toString('hex')}`
  const signer = ['-CA', 'ca', '-CAkey', 'ca', '-set_serial', serial, '-days', String(days), '-sha256']
  const extensions = ['-extfile', 'own.cnf', '-extensions', section]
  await openssl(work, ['x509', '-req', '-in', 'csr', ...subject, ...signer, ...extensions, '-out', 'crt'])
}

/** A private folder (0700) for the time of `use`. */
async function inWorkFolder<T>(folder: string, use: (work: string) => Promise<T>): Promise<T> {
  const work = await mkdtemp(join(folder, WORK_PREFIX))
  try {
    return await use(work)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function openssl(cwd: string, args: readonly string[]): Promise<void> {
  const result = await execa('openssl', args, { cwd, timeout: OPENSSL_MS, reject: false, stdin: 'ignore' })
  if (result.code === 'ENOENT') throw new Error('the program openssl is missing: install the package openssl')
  if (result.failed) throw new Error(`openssl ${args[0]} failed: ${result.stderr.slice(-500)}`)
}
