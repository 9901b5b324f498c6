// A stand-in for one host's agent: it speaks the agent's protocol (lists, watches, bindings, claims) and keeps what it was told in memory.
// It has no libvirt, no disk and no rules: a machine that it is given starts and runs at once. What a real agent costs is the agent's own.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { KubeObject } from '../../../lib/object.ts'
import type { ClaimAsk } from '../../../schemas/cluster/claim.ts'
import type { ClusterVirtualImage, HostBinding, VirtualMachine } from '../../../schemas/index.ts'
import type { Holdings } from './fill.ts'
import { imageCopy, machineCopy } from './objects.ts'

/** Changes that are kept for a watch which begins after a list. */
const KEPT = 1_000
const PATH = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)\/([a-z]+)(?:\/([^/?]+))?(?:\?(.*))?$/

interface Told {
  readonly revision: number
  readonly plural: string
  readonly line: string
}

export class AgentStandIn {
  readonly name: string
  /** Bindings that were put since the start. */
  puts = 0
  #revision = 1
  readonly #objects = new Map<string, Map<string, KubeObject>>()
  readonly #watches = new Map<string, Set<ServerResponse>>()
  #log: Told[] = []
  /** What it would do with bindings that it has taken; null while it does so at once. */
  #held: (() => void)[] | null = null

  constructor(name: string, holdings: Holdings) {
    this.name = name
    for (const [plural, objects] of holdings)
      this.#objects.set(plural, new Map(objects.map((object) => [object.metadata.name, versioned(object, 1)])))
  }

  /** Machines that it has. */
  machines(): readonly VirtualMachine[] {
    return [...this.#of('virtualmachines').values()] as VirtualMachine[]
  }

  /** Says something new of a machine, as an agent does when its guest changes. */
  tell(vm: VirtualMachine): void {
    this.#change('virtualmachines', vm)
  }

  /** From now on it takes bindings and says nothing more of them, until {@link goOn}. */
  hold(): void {
    this.#held ??= []
  }

  goOn(): void {
    for (const act of this.#held ?? []) setImmediate(act)
    this.#held = null
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const [, plural = '', name, text = ''] = PATH.exec(request.url ?? '') ?? []
    const query = new URLSearchParams(text)
    if (request.method === 'GET') {
      if (query.get('watch') === null) this.#list(plural, response)
      else this.#watch(plural, query, response)
      return
    }
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = parts.length === 0 ? null : (JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown)
      if (plural === 'claims') say(response, 200, { ...(body as ClaimAsk), accepted: true, message: '' })
      else if (plural !== 'hostbindings') refuse(response, 404, 'NotFound', plural)
      else if (request.method === 'DELETE') this.#forget(name ?? '', response)
      else this.#put(request.method ?? '', body as HostBinding, response)
    })
  }

  #of(plural: string): Map<string, KubeObject> {
    const known = this.#objects.get(plural) ?? new Map<string, KubeObject>()
    this.#objects.set(plural, known)
    return known
  }

  #list(plural: string, response: ServerResponse): void {
    const items = [...this.#of(plural).values()]
    say(response, 200, { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: String(this.#revision) }, items })
  }

  #watch(plural: string, query: URLSearchParams, response: ServerResponse): void {
    const after = Number(query.get('resourceVersion') ?? 0)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    for (const told of this.#log) if (told.plural === plural && told.revision > after) response.write(told.line)
    const all = this.#watches.get(plural) ?? new Set()
    this.#watches.set(plural, all.add(response))
    const over = () => {
      all.delete(response)
      response.end()
    }
    const end = setTimeout(over, Number(query.get('timeoutSeconds') ?? 240) * 1000)
    response.once('close', () => {
      clearTimeout(end)
      all.delete(response)
    })
  }

  #put(method: string, asked: HostBinding, response: ServerResponse): void {
    const { name } = asked.metadata
    const known = this.#of('hostbindings').get(name)
    if (method === 'PUT' && known === undefined) {
      refuse(response, 404, 'NotFound', name)
      return
    }
    if (method === 'POST' && known !== undefined) {
      refuse(response, 409, 'AlreadyExists', name)
      return
    }
    this.puts += 1
    const { objects = [], ...kept } = asked
    const metadata = { ...asked.metadata, uid: `binding-${name}-${this.name}` }
    const stored = this.#change('hostbindings', { ...kept, metadata } as HostBinding) as HostBinding
    say(response, method === 'POST' ? 201 : 200, { ...stored, objects })
    const act = () => this.#carryOut(stored, objects[0])
    if (this.#held === null) setImmediate(act)
    else this.#held.push(act)
  }

  /** As an agent tells of it: it starts, the binding is taken, it runs. */
  #carryOut(binding: HostBinding, object: KubeObject | undefined): void {
    const { role, epoch, deleted } = binding.spec
    const gone = role === 'Released' || deleted === true
    const phase = gone ? 'Released' : 'Accepted'
    if (object?.kind === 'VirtualMachine' && !gone)
      this.#change('virtualmachines', machineCopy(object as VirtualMachine, this.name, 'Starting'))
    this.#change('hostbindings', { ...binding, status: { phase, epoch } } as HostBinding)
    if (object === undefined || gone) return
    if (object.kind === 'VirtualMachine')
      this.#change('virtualmachines', machineCopy(object as VirtualMachine, this.name, 'Running'))
    if (object.kind === 'ClusterVirtualImage')
      this.#change('clustervirtualimages', imageCopy(object as ClusterVirtualImage))
  }

  #forget(name: string, response: ServerResponse): void {
    const known = this.#of('hostbindings').get(name)
    this.#of('hostbindings').delete(name)
    if (known !== undefined) this.#tell('hostbindings', 'DELETED', versioned(known, ++this.#revision))
    say(response, 200, { kind: 'Status', apiVersion: 'v1', status: 'Success' })
  }

  #change(plural: string, object: KubeObject): KubeObject {
    const objects = this.#of(plural)
    const type = objects.has(object.metadata.name) ? 'MODIFIED' : 'ADDED'
    const next = versioned(object, ++this.#revision)
    objects.set(object.metadata.name, next)
    this.#tell(plural, type, next)
    return next
  }

  #tell(plural: string, type: string, object: KubeObject): void {
    const line = `${JSON.stringify({ type, object })}\n`
    this.#log.push({ revision: this.#revision, plural, line })
    if (this.#log.length > 2 * KEPT) this.#log = this.#log.slice(-KEPT)
    for (const watch of this.#watches.get(plural) ?? []) watch.write(line)
  }
}

const versioned = <T extends KubeObject>(object: T, revision: number): T => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(revision) },
})

function say(response: ServerResponse, code: number, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.end(bytes)
}

function refuse(response: ServerResponse, code: number, reason: string, name: string): void {
  const details = { name, kind: 'hostbindings' }
  say(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message: reason, code, details })
}
