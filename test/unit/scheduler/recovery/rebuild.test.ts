// The program `berth-scheduler --rebuild` against a host that serves what it has, over the cluster's TLS: its exit code, and what it prints.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeRequest } from '../../../../lib/apiserver/auth/openssl.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { databaseOf } from '../../../../lib/server/database.ts'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import { EXIT } from '../../../../scheduler/exit-codes.ts'
import { ClusterAuthority } from '../../../../scheduler/membership/authority.ts'
import type { HostBinding } from '../../../../schemas/index.ts'
import { NODES } from '../../../../schemas/resources.ts'
import { aBinding } from '../../../support/bindings.ts'
import { aVm } from '../../../support/objects.ts'

const MAIN = fileURLToPath(new URL('../../../../scheduler/main.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')
/** A program from its sources, beside other tests. */
const RUN_MS = 120_000
const OTHER_UID = '7d0f7a52-6a52-4b0e-9f0e-2f6d1b0e5c11'

let folder: string
let host: Server
let stranger: Server
let bindings: readonly HostBinding[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-rebuild-'))
  await writeFile(join(folder, 'scheduler.yaml'), `stateDir: ${folder}/state\nsocketPath: ${folder}/scheduler.sock\n`)
  host = await serve(await ClusterAuthority.open(join(folder, 'state'), systemClock))
  stranger = await serve(await ClusterAuthority.open(join(folder, 'elsewhere'), systemClock))
}, RUN_MS)
afterAll(async () => {
  for (const server of [host, stranger]) {
    server.closeAllConnections()
    server.close()
  }
  await rm(folder, { recursive: true, force: true })
})

/** h1 of the cluster of that authority. */
async function serve(authority: ClusterAuthority): Promise<Server> {
  const { key, csr } = await makeRequest(folder)
  const cert = await authority.signNode(csr, { node: 'h1', addresses: ['127.0.0.1'] })
  const server = createServer({ key, cert, ca: authority.ca, requestCert: true }, (request, response) => {
    const items = request.url?.includes('/hostbindings') ? bindings : []
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata: {}, items }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const rebuild = (...more: readonly string[]) => rebuildFrom(host, ...more)

function rebuildFrom(server: Server, ...more: readonly string[]) {
  const { port } = server.address() as AddressInfo
  const args = ['--config', join(folder, 'scheduler.yaml'), '--rebuild', ...more, `h1=https://127.0.0.1:${port}`]
  return execa(process.execPath, ['--import', TSX, MAIN, ...args], { reject: false })
}

it(
  'ends with 5 and names what could not be taken up, and with 0 when the rest of it was',
  async () => {
    const other = { ...aBinding().spec.subject, name: 'other', uid: OTHER_UID }
    bindings = [aBinding(), aBinding({ subject: other }, [])]
    const first = await rebuild()
    expect([first.exitCode, first.stdout]).toEqual([
      EXIT.notAllRecovered,
      expect.stringContaining('Not recovered (1):'),
    ])
    expect(first.stdout).toContain('virtualmachines default/other: h1 has a binding without the object')
    expect(first.stdout).toContain('1 host was read: ')
    expect(first.stdout).toContain('1 VirtualMachine')
    expect(await labelsOf('h1')).toEqual({ 'node-role.kubernetes.io/worker': '' })
    bindings = [aBinding(), aBinding({ subject: other }, [aVm({ metadata: { name: 'other', uid: OTHER_UID } })])]
    const second = await rebuild('--missing')
    expect([second.exitCode, second.stdout]).toEqual([
      EXIT.ok,
      expect.stringContaining('All of it is in the database.'),
    ])
  },
  RUN_MS,
)

it(
  'says that what answers is not the host that was named',
  async () => {
    const { exitCode, stderr } = await rebuildFrom(stranger, '--missing')
    expect(exitCode).toBe(1)
    expect(stderr).toContain('nothing was written: what answers there is not h1 of this cluster. A host')
  },
  RUN_MS,
)

async function labelsOf(node: string): Promise<unknown> {
  const store = await openSqliteStore(databaseOf(join(folder, 'state')))
  try {
    return (await store.get({ resource: NODES, namespace: '', name: node }))?.value.metadata.labels
  } finally {
    await store.close()
  }
}
