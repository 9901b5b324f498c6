// Connections to a real TLS server, one after the other: none is kept open.
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { HttpTransport } from '../../../../lib/client/transport.ts'
import { type HostIdentity, type TestAuthority, testAuthority } from '../../../support/cluster-certificates.ts'
import { scratch } from '../../../support/scratch.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

interface Served {
  readonly port: number
  /** Of each connection: whether it went on with a session, and who was there. */
  readonly seen: { readonly resumed: boolean; readonly user: string | undefined }[]
  close(): Promise<void>
}

async function serve({ key, cert, ca }: HostIdentity, port = 0): Promise<Served> {
  const server: Server = createServer({ key, cert, ca, requestCert: true, rejectUnauthorized: true }, (_, response) =>
    response.setHeader('connection', 'close').end('{}'),
  )
  const seen: Served['seen'] = []
  server.on('secureConnection', (socket: TLSSocket) => {
    const user: unknown = socket.getPeerX509Certificate()?.toLegacyObject().subject.CN
    seen.push({ resumed: socket.isSessionReused(), user: String(user) })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { port: (server.address() as AddressInfo).port, seen, close }
}

async function clientOf(authority: TestAuthority, port: number): Promise<HttpTransport> {
  const tls = { ...(await authority.issue('scheduler')), servername: 'h1' }
  const origin = `https://127.0.0.1:${port}`
  const client = new HttpTransport({ label: origin, origin, prefix: '', tls, namespace: 'default' }, 'test')
  onTestFinished(() => client.close())
  return client
}

const hostOf = (authority: TestAuthority) => authority.issue('h1', [], ['DNS:h1'])

test('a connection goes on with the session of the one before, and is known as the same client', async () => {
  const authority = await testAuthority(scratch())
  const server = await serve(await hostOf(authority))
  onTestFinished(server.close)
  const client = await clientOf(authority, server.port)
  for (let count = 0; count < 3; count++) {
    await client.json({ path: '/' })
    collectGarbage()
  }
  expect(server.seen).toEqual([
    { resumed: false, user: 'scheduler' },
    { resumed: true, user: 'scheduler' },
    { resumed: true, user: 'scheduler' },
  ])
})

test('a server that was started anew is verified anew', async () => {
  const authority = await testAuthority(scratch())
  const first = await serve(await hostOf(authority))
  const client = await clientOf(authority, first.port)
  await client.json({ path: '/' })
  await first.close()
  const second = await serve(await hostOf(authority), first.port)
  onTestFinished(second.close)
  await client.json({ path: '/' })
  expect(second.seen).toEqual([{ resumed: false, user: 'scheduler' }])
})

test.each([
  ['another authority has named', async (folder: string) => hostOf(await testAuthority(folder, 'other'))],
  ['has another name', async (_: string, authority: TestAuthority) => authority.issue('h2', [], ['DNS:h2'])],
])('a session opens no way to a server that %s', async (_, identityOf) => {
  const folder = scratch()
  const authority = await testAuthority(folder)
  const first = await serve(await hostOf(authority))
  const client = await clientOf(authority, first.port)
  await client.json({ path: '/' })
  await first.close()
  const other = await serve({ ...(await identityOf(folder, authority)), ca: authority.ca }, first.port)
  onTestFinished(other.close)
  await expect(client.json({ path: '/' })).rejects.toThrow(/127\.0\.0\.1/)
})
