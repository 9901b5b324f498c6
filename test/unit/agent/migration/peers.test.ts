// Questions from one agent to another over real TLS connections.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { httpsPeers, type Peer, PeerSilent } from '../../../../agent/migration/peers.ts'
import { type HostIdentity, type TestAuthority, testAuthority } from '../../../support/cluster-certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-peers-'))
let authority: TestAuthority
let here: HostIdentity
let there: HostIdentity

beforeAll(async () => {
  authority = await testAuthority(folder)
  here = await authority.issue('system:node:h1')
  there = await authority.issue('system:node:h2')
})
afterAll(() => rmSync(folder, { recursive: true }))

const asked = { uid: 'u', id: 'm', ask: 'finish' } as const
const options = () => ({ signal: new AbortController().signal, timeoutMs: 10_000 })

interface Other {
  readonly peer: Peer
  readonly server: Server
  /** Of the server's side, in the order of their coming. */
  readonly connections: Socket[]
  questions: number
}

async function otherHost(identity: HostIdentity): Promise<Other> {
  const connections: Socket[] = []
  const server = createServer({ ...identity, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    request.resume()
    request.once('end', () => {
      other.questions++
      response.writeHead(201, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ uid: 'u', id: 'm', ask: 'finish', phase: 'Committed' }))
    })
  })
  server.on('secureConnection', (socket) => connections.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const other: Other = { peer: { node: 'h2', url }, server, connections, questions: 0 }
  return other
}

it('asks several things over one connection', async () => {
  const { peer, connections } = await otherHost(there)
  const peers = httpsPeers(() => here)
  for (let time = 0; time < 3; time++)
    expect(await peers.ask(peer, asked, options())).toMatchObject({ phase: 'Committed' })
  expect(connections.length).toBe(1)
})

it('takes a new connection when the certificate is renewed', async () => {
  const { peer, connections } = await otherHost(there)
  let identity = here
  const peers = httpsPeers(() => identity)
  await peers.ask(peer, asked, options())
  identity = await authority.issue('system:node:h1')
  await peers.ask(peer, asked, options())
  expect(connections.length).toBe(2)
})

it('asks anew when the peer has given up the connection that was kept', async () => {
  const other = await otherHost(there)
  const peers = httpsPeers(() => here)
  await peers.ask(other.peer, asked, options())
  // It ends right when it is asked over it: the client cannot have known.
  const [kept] = other.connections
  other.server.prependOnceListener('request', (request) => request.socket === kept && request.socket.destroy())
  expect(await peers.ask(other.peer, asked, options())).toMatchObject({ phase: 'Committed' })
  expect(other.connections.length).toBe(2)
})

it('does not ask a second time when a first connection breaks: nobody knows whether it was heard', async () => {
  const other = await otherHost(there)
  let times = 0
  other.server.removeAllListeners('request')
  other.server.on('request', (request) => {
    times++
    ;(request.socket as Socket).destroy()
  })
  await expect(httpsPeers(() => here).ask(other.peer, asked, options())).rejects.toThrow(PeerSilent)
  expect(times).toBe(1)
})

it('tells nothing to a host of another name', async () => {
  const other = await otherHost(await authority.issue('system:node:h3'))
  await expect(httpsPeers(() => here).ask(other.peer, asked, options())).rejects.toThrow(/of system:node:h3, not of/)
  expect(other.questions).toBe(0)
})

it('has nothing to show while the host is in no cluster', async () => {
  const { peer } = await otherHost(there)
  await expect(httpsPeers(() => null).ask(peer, asked, options())).rejects.toThrow('no certificate of the cluster')
})
