// Streams and pictures of machines, as the agent of their host serves them. The agent sees the scheduler; who it was is told here.
import type { WebSocket } from 'ws'
import type {
  ConnectSubresource,
  ConnectTarget,
  Document,
  OpenedStream,
  ReadSubresource,
} from '../../lib/apiserver/connect.ts'
import type { Client } from '../../lib/client/client.ts'
import { UnreachableError } from '../../lib/client/errors.ts'
import type { ByteStream } from '../../lib/client/streams.ts'
import { ApiError } from '../../lib/errors.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { type ClusterVmStatus, clusterStatusOf, type VirtualMachine } from '../../schemas/index.ts'
import { VMS } from '../../schemas/resources.ts'
import { PROTOCOLS, SUBRESOURCES } from '../../schemas/streams.ts'
import { pipe } from './pipe.ts'

export interface ForwardDeps {
  readonly reader: Pick<Reader, 'get'>
  readonly clientFor: (node: string) => Client | null
  readonly log: { info(facts: object, message: string): void }
}

const KINDS: Readonly<Record<string, string>> = {
  console: 'VirtualMachineConsole',
  vnc: 'VirtualMachineVNC',
  portforward: 'VirtualMachinePortForward',
}
const PROBE_MS = 10_000
const PICTURE_MS = 30_000

export const schedulerStreams = (deps: ForwardDeps) => ({
  connect: Object.keys(KINDS).map((name) => new ForwardedStream(name, deps)),
  reads: [new ForwardedPicture(deps)],
})

/** Where a machine's agent is asked. */
interface There {
  readonly node: string
  readonly client: Client
  readonly path: string
}

/** @throws ApiError NotFound without the machine, Conflict while it has no host, ServiceUnavailable when that has left */
function there({ reader, clientFor }: ForwardDeps, { namespace, name }: ConnectTarget, subresource: string): There {
  const vm = reader.get<VirtualMachine>(VMS, { namespace, name })
  const details = { group: SUBRESOURCES.group, kind: SUBRESOURCES.plural, name }
  if (vm === null) throw new ApiError('NotFound', `virtualmachines "${name}" not found`, details)
  const { placement } = clusterStatusOf<ClusterVmStatus>(vm)
  if (placement === undefined) {
    const running = vm.status?.conditions?.find(({ type }) => type === 'Running')
    const why = running === undefined || running.message === '' ? '' : `: ${running.message}`
    throw new ApiError('Conflict', `virtual machine "${name}" is not running, it has no host${why}`, details)
  }
  const { node } = placement
  const client = clientFor(node)
  if (client === null)
    throw new ApiError(
      'ServiceUnavailable',
      `the host ${node} of virtual machine "${name}" is no member of the cluster`,
    )
  const { group, version, plural } = SUBRESOURCES
  const parts = ['apis', group, version, 'namespaces', namespace, plural, name, subresource]
  return { node, client, path: `/${parts.map(encodeURIComponent).join('/')}` }
}

const queryOf = ({ query }: ConnectTarget): Readonly<Record<string, string>> => Object.fromEntries(query)

/** A host that does not answer is no fault of the request. */
function explain(error: unknown, node: string): unknown {
  if (!(error instanceof UnreachableError)) return error
  return new ApiError(
    'ServiceUnavailable',
    `the host ${node} cannot be reached: ${error.message}`,
    {},
    { cause: error },
  )
}

class ForwardedStream implements ConnectSubresource {
  readonly group = SUBRESOURCES.group
  readonly version = SUBRESOURCES.version
  readonly plural = SUBRESOURCES.plural
  readonly protocols = PROTOCOLS
  readonly name: string
  readonly kind: string
  readonly patient: boolean
  readonly #deps: ForwardDeps

  constructor(name: string, deps: ForwardDeps) {
    this.name = name
    this.kind = KINDS[name] ?? name
    this.patient = name === 'portforward'
    this.#deps = deps
  }

  async check(target: ConnectTarget): Promise<void> {
    there(this.#deps, target, this.name)
  }

  /** @throws ApiError as the agent answers */
  async probe(target: ConnectTarget, signal: AbortSignal): Promise<unknown> {
    const { client, path, node } = there(this.#deps, target, this.name)
    try {
      return await client.transport.json({ path, query: queryOf(target), signal, timeoutMs: PROBE_MS })
    } catch (error) {
      throw explain(error, node)
    }
  }

  /** @throws ApiError with the agent's words when it refuses */
  async open(target: ConnectTarget, signal: AbortSignal): Promise<OpenedStream> {
    const { client, path, node } = there(this.#deps, target, this.name)
    const life = new AbortController()
    let stream: ByteStream
    const give = () => life.abort(signal.reason)
    signal.addEventListener('abort', give, { once: true })
    try {
      stream = await client.stream({ path, query: queryOf(target), signal: life.signal })
    } catch (error) {
      throw explain(error, node)
    } finally {
      signal.removeEventListener('abort', give)
    }
    return {
      drop: () => stream.close(),
      connect: (socket, closing) => this.#carry(target, node, { socket, stream, closing }),
    }
  }

  async connect(target: ConnectTarget, socket: WebSocket, signal: AbortSignal): Promise<void> {
    const opened = await this.open(target, signal)
    await opened.connect(socket, signal)
  }

  async #carry(
    target: ConnectTarget,
    node: string,
    {
      socket,
      stream,
      closing,
    }: { readonly socket: WebSocket; readonly stream: ByteStream; readonly closing: AbortSignal },
  ): Promise<void> {
    const { log } = this.#deps
    const { namespace, name, user, client, request } = target
    const facts = { vm: `${namespace}/${name}`, stream: this.name, node, user, client, request }
    log.info(facts, 'a stream is forwarded to its host')
    socket.on('error', (error) => log.info({ ...facts, error: error.message }, 'the client of a stream failed'))
    const { code, reason } = await pipe(socket, stream, closing)
    log.info({ ...facts, code, reason }, 'a forwarded stream has ended')
  }
}

class ForwardedPicture implements ReadSubresource {
  readonly group = SUBRESOURCES.group
  readonly version = SUBRESOURCES.version
  readonly plural = SUBRESOURCES.plural
  readonly name = 'screenshot'
  readonly kind = 'VirtualMachineScreenshot'
  readonly #deps: ForwardDeps

  constructor(deps: ForwardDeps) {
    this.#deps = deps
  }

  /** @throws ApiError as the agent answers */
  async read(target: ConnectTarget, signal: AbortSignal): Promise<Document> {
    const { client, path, node } = there(this.#deps, target, this.name)
    try {
      const ask = { path, query: queryOf(target), accept: 'image/png', timeoutMs: PICTURE_MS, signal }
      return { type: 'image/png', body: await client.transport.bytes(ask) }
    } catch (error) {
      throw explain(error, node)
    }
  }
}
