// An authority of a cluster and certificates of its hosts, as a scheduler issues them: for both ends of a connection.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

export interface HostIdentity {
  readonly key: string
  readonly cert: string
  readonly ca: string
}

export interface TestAuthority {
  /** PEM. */
  readonly ca: string
  /** `names`: for whoever checks them, as QEMU does: `DNS:name`, `IP:10.0.0.1`. */
  issue(user: string, groups?: readonly string[], names?: readonly string[]): Promise<HostIdentity>
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-sha256']

/** @param folder for its files; gone with the test */
export async function testAuthority(folder: string, name = 'test'): Promise<TestAuthority> {
  const at = (file: string) => join(folder, `${name}-${file}`)
  const [caKey, caCert] = [at('ca.key'), at('ca.crt')]
  await exec('openssl', [
    'req',
    '-x509',
    ...KEY,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    caKey,
    '-out',
    caCert,
  ])
  const ca = await readFile(caCert, 'utf8')
  let serial = 0
  return {
    ca,
    issue: async (user, groups = ['system:nodes'], names = []) => {
      serial += 1
      const [key, csr, cert, ext] = ['key', 'csr', 'crt', 'ext'].map((end) => at(`${serial}.${end}`)) as [
        string,
        string,
        string,
        string,
      ]
      const alternatives = names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`
      await writeFile(ext, `basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n${alternatives}`)
      const subject = `${groups.map((group) => `/O=${group}`).join('')}/CN=${user}`
      await exec('openssl', ['req', '-new', ...KEY, '-subj', subject, '-keyout', key, '-out', csr])
      const signer = ['-CA', caCert, '-CAkey', caKey, '-set_serial', String(serial), '-days', '2', '-extfile', ext]
      await exec('openssl', ['x509', '-req', '-in', csr, ...signer, '-out', cert])
      return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8'), ca }
    },
  }
}
