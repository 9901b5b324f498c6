// A process with the stand-ins of all hosts' agents: one TLS port, at which each is known by its own name and certificate, and a lease for each.
// Told what to do by its parent; it also fills the scheduler's state folder, as it needs to know what is there.
import type { IncomingMessage } from 'node:http'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { makeRequest } from '../../../lib/apiserver/auth/openssl.ts'
import { systemClock } from '../../../lib/clock.ts'
import { nodeServerName, SCHEDULER_SERVER_NAME } from '../../../lib/cluster/identity.ts'
import { ClusterAuthority } from '../../../scheduler/membership/authority.ts'
import { RENEW_EVERY_MS } from '../../../schemas/cluster/leaserenewal.ts'
import { AgentStandIn } from './agent.ts'
import { fill } from './fill.ts'
import { machineCopy } from './objects.ts'

export type FleetAsk =
  /** Signs the certificates, fills the state folder, listens. */
  | { readonly ask: 'prepare'; readonly stateDir: string; readonly hosts: number; readonly perHost: number }
  /** From now on every host renews its lease, each at its own moment. */
  | { readonly ask: 'lease'; readonly port: number }
  /** Machines that run say something new, so many a second, spread over all hosts; each word holds the moment at which it was said. */
  | { readonly ask: 'tell'; readonly perSecond: number; readonly seconds: number }
  /** From now on agents take bindings and say nothing of what becomes of them, until they go on. */
  | { readonly ask: 'hold' }
  | { readonly ask: 'goOn' }
  /** Answered once so many bindings were put since the start. */
  | { readonly ask: 'bound'; readonly puts: number }
  | { readonly ask: 'figures' }
  /** Which machines each host has. */
  | { readonly ask: 'held' }

export interface FleetFigures {
  readonly puts: number
  /** Of each lease's renewal since the last question, from the question to the answer. */
  readonly leaseMs: readonly number[]
  readonly leasesRefused: number
  readonly told: number
  readonly cpuMs: number
  /** When it was asked for: uids of machines, by host. */
  readonly held?: Readonly<Record<string, readonly string[]>>
}

/** Certificates that are signed at the same time: each is a process. */
const SIGNING = 4
const ANSWER_MS = 15_000
/** Puts are counted so often by who waits for them. */
const LOOK_MS = 20
/** Words of a status before the moment, which is in milliseconds since 1970 with its fractions. */
export const SAID_AT = 'said at '
export const wallMs = (): number => performance.timeOrigin + performance.now()

interface Host {
  readonly agent: AgentStandIn
  readonly cert: string
  readonly context: SecureContext
  readonly door: Agent
}

class Fleet {
  readonly #hosts = new Map<string, Host>()
  #key = ''
  #ca = ''
  #leaseMs: number[] = []
  #refused = 0
  #told = 0

  async prepare(stateDir: string, hosts: number, perHost: number): Promise<void> {
    const authority = await ClusterAuthority.open(stateDir, systemClock)
    const { key, csr } = await makeRequest(stateDir)
    this.#key = key
    this.#ca = authority.ca
    const server = createServer(
      {
        ca: this.#ca,
        requestCert: true,
        rejectUnauthorized: true,
        SNICallback: (name, done) => {
          const context = this.#hosts.get(name)?.context
          if (context === undefined) done(new Error(`no host is called ${name}`))
          else done(null, context)
        },
      },
      (request, response) => {
        const { servername } = request.socket as TLSSocket & { readonly servername: string }
        this.#hosts.get(servername)?.agent.answer(request, response)
      },
    )
    // Watches of a scheduler are kept open; nobody else comes here.
    server.keepAliveTimeout = 600_000
    server.requestTimeout = 0
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const held = await fill(stateDir, { hosts, perHost, url, clock: systemClock })
    const names = [...held.keys()]
    const sign = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        const cert = await authority.signNode(csr, { node: name, addresses: ['127.0.0.1'] })
        const context = createSecureContext({ key, cert: `${cert}${this.#ca}`, ca: this.#ca })
        const door = new Agent({ keepAlive: true, maxSockets: 1 })
        this.#hosts.set(nodeServerName(name), {
          agent: new AgentStandIn(name, held.get(name) ?? new Map()),
          cert,
          context,
          door,
        })
      }
    }
    await Promise.all(Array.from({ length: SIGNING }, sign))
  }

  lease(port: number): void {
    const all = [...this.#hosts.values()]
    for (const [index, host] of all.entries())
      setTimeout(
        () => {
          const renew = () => this.#renew(host, port)
          renew()
          setInterval(renew, RENEW_EVERY_MS)
        },
        (RENEW_EVERY_MS * index) / all.length,
      )
  }

  /** Resolves when all was said. */
  async tell(perSecond: number, seconds: number): Promise<void> {
    const hosts = [...this.#hosts.values()]
    const began = performance.now()
    for (let count = 0; count < perSecond * seconds; count += 1) {
      const due = began + (1000 * count) / perSecond
      const wait = due - performance.now()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      const { agent } = hosts[count % hosts.length] as Host
      const machines = agent.machines()
      const machine = machines[Math.floor(count / hosts.length) % machines.length]
      if (machine === undefined) throw new Error(`${agent.name} has no machine`)
      const words = `${SAID_AT}${wallMs().toFixed(3)}`
      const { status } = machineCopy(machine, agent.name, 'Running', words)
      agent.tell({ ...machine, ...(status === undefined ? {} : { status }) })
      this.#told += 1
    }
  }

  get #puts(): number {
    return [...this.#hosts.values()].reduce((sum, { agent }) => sum + agent.puts, 0)
  }

  hold(): void {
    for (const { agent } of this.#hosts.values()) agent.hold()
  }

  goOn(): void {
    for (const { agent } of this.#hosts.values()) agent.goOn()
  }

  async bound(puts: number): Promise<void> {
    while (this.#puts < puts) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }

  figures(): FleetFigures {
    const leaseMs = this.#leaseMs
    this.#leaseMs = []
    const { user, system } = process.cpuUsage()
    return { puts: this.#puts, leaseMs, leasesRefused: this.#refused, told: this.#told, cpuMs: (user + system) / 1000 }
  }

  held(): NonNullable<FleetFigures['held']> {
    const uids = (agent: AgentStandIn) => agent.machines().map(({ metadata }) => metadata.uid)
    return Object.fromEntries([...this.#hosts.values()].map(({ agent }) => [agent.name, uids(agent)]))
  }

  #renew({ agent, cert, door }: Host, port: number): void {
    const began = performance.now()
    const body = JSON.stringify({
      apiVersion: 'cluster.berth/v1',
      kind: 'LeaseRenewal',
      metadata: {},
      node: agent.name,
      bootId: `boot-${agent.name}`,
    })
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        servername: SCHEDULER_SERVER_NAME,
        path: '/apis/cluster.berth/v1/leaserenewals',
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        key: this.#key,
        cert,
        ca: this.#ca,
        agent: door,
        timeout: ANSWER_MS,
      },
      (answer: IncomingMessage) => {
        answer.resume()
        answer.once('end', () => {
          if (answer.statusCode === 201 || answer.statusCode === 200) this.#leaseMs.push(performance.now() - began)
          else this.#refused += 1
        })
      },
    )
    asked.once('timeout', () => asked.destroy(new Error('no answer')))
    asked.once('error', () => {
      this.#refused += 1
    })
    asked.end(body)
  }
}

const fleet = new Fleet()

/** Who only waits takes no figures away. */
const NOTHING: FleetFigures = { puts: 0, leaseMs: [], leasesRefused: 0, told: 0, cpuMs: 0 }

async function obey(ask: FleetAsk): Promise<FleetFigures> {
  if (ask.ask === 'prepare') await fleet.prepare(ask.stateDir, ask.hosts, ask.perHost)
  if (ask.ask === 'lease') fleet.lease(ask.port)
  if (ask.ask === 'tell') await fleet.tell(ask.perSecond, ask.seconds)
  if (ask.ask === 'hold') fleet.hold()
  if (ask.ask === 'goOn') fleet.goOn()
  if (ask.ask === 'bound') {
    await fleet.bound(ask.puts)
    return NOTHING
  }
  return { ...fleet.figures(), ...(ask.ask === 'held' ? { held: fleet.held() } : {}) }
}

if (process.send !== undefined) {
  process.on('message', (ask: FleetAsk) => {
    obey(ask).then(
      (value) => process.send?.({ value }),
      (error: unknown) =>
        process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
  process.once('disconnect', () => process.exit(0))
  process.send({ value: null })
}
