// `berth` in this process against a real API server with all kinds, on a unix socket, without controllers.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pino } from 'pino'
import type { Io } from '../../../cli/io.ts'
import { run } from '../../../cli/run.ts'
import {
  type ApiServer,
  AuditFile,
  auditing,
  auditReport,
  type ConnectSubresource,
  createApiServer,
  openAccess,
  type ReadSubresource,
} from '../../../lib/apiserver/index.ts'
import { type Clock, systemClock } from '../../../lib/clock.ts'
import { openSqliteStore } from '../../../lib/store/sqlite/open.ts'
import { KINDS } from '../../../schemas/index.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  /** What is typed or piped in; the input ends after it unless `keepOpen`. */
  readonly stdin?: string
  readonly tty?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly clock?: Clock
}

/** A command under way, for what goes on until it is stopped. */
export interface Going {
  readonly out: () => string
  readonly err: () => string
  type(text: string): void
  /** Ctrl-C. */
  interrupt(): void
  /** Every switch of the terminal's raw mode, in order. */
  readonly raw: readonly boolean[]
  readonly ended: Promise<Ran>
}

export interface Bench {
  readonly server: ApiServer
  readonly socketPath: string
  /** Of the TLS listener. */
  readonly kubeconfig: string
  /** Where the audit log is kept, if one is. */
  readonly auditPath: string
  /** Runs to the end; the socket is given by environment. */
  berth(args: readonly string[], options?: RunOptions): Promise<Ran>
  begin(args: readonly string[], options?: RunOptions): Going
  stop(): Promise<void>
}

export interface BenchOptions {
  /** Listens with TLS too. */
  readonly tls?: boolean
  readonly connect?: readonly ConnectSubresource[]
  readonly reads?: readonly ReadSubresource[]
  readonly report?: () => object
  /** Keeps an audit log. */
  readonly audit?: true
}

export async function startBench(options: BenchOptions = {}): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-cli-'))
  const socketPath = join(folder, 'agent.sock')
  const store = await openSqliteStore({ path: join(folder, 'store.db') })
  const { report } = options
  const access = options.tls
    ? await openAccess({ stateFolder: folder, addresses: ['127.0.0.1'], clock: systemClock })
    : undefined
  const auditPath = join(folder, 'audit', 'audit.log')
  const log = pino({ level: 'silent' })
  const file = options.audit ? await AuditFile.open({ path: auditPath, maxBytes: 1_000_000, keep: 1, log }) : undefined
  const group = { group: 'subresources.virtualization.deckhouse.io', version: 'v1alpha2' }
  const server = await createApiServer({
    store,
    kinds: KINDS,
    clock: systemClock,
    log,
    version: '9.9.9',
    connect: options.connect ?? [],
    reads: options.reads ?? [],
    reports: [
      ...(report === undefined ? [] : [{ ...group, name: 'hostcheck', read: async () => report() }]),
      ...(file === undefined ? [] : [auditReport(group, auditPath, () => file.flush())]),
    ],
    ...(file === undefined ? {} : { observe: auditing(file, { reads: false }, systemClock) }),
  })
  for (const name of ['default', 'other'])
    await server.resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  let port = 0
  const onPort = (free: number) => {
    port = free
  }
  const tcp = access === undefined ? [] : [{ host: '127.0.0.1', port: 0, tls: access.tls, onPort }]
  await server.listen({ unix: { path: socketPath }, tcp })
  await access?.publish(`https://127.0.0.1:${port}`, server.resources)
  const begin = (args: readonly string[], given: RunOptions = {}) => start(args, given, socketPath)
  return {
    server,
    socketPath,
    kubeconfig: access?.kubeconfigPath ?? '',
    auditPath,
    begin,
    berth: (args, given = {}) => begin(args, given).ended,
    stop: async () => {
      await server.close(100)
      await file?.close()
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function start(args: readonly string[], options: RunOptions, socketPath: string): Going {
  const { stdin: typed, tty = false, env = {}, clock = systemClock } = options
  const stop = new AbortController()
  const output = { out: '', err: '' }
  const raw: boolean[] = []
  const stdin = Object.assign(new PassThrough(), { isTTY: tty, setRawMode: (mode: boolean) => raw.push(mode) })
  const sink = (name: 'out' | 'err') => ({
    isTTY: tty,
    write: (text: string | Uint8Array) => {
      output[name] += typeof text === 'string' ? text : Buffer.from(text).toString('utf8')
    },
  })
  const io: Io = {
    stdin,
    stdout: sink('out'),
    stderr: sink('err'),
    env: { BERTH_SOCKET: socketPath, NO_COLOR: '1', ...env },
    clock,
    signal: stop.signal,
    self: ['berth'],
  }
  if (typed !== undefined) stdin.write(typed)
  if (!tty) stdin.end()
  const ended = run(['node', 'berth', ...args], io).then((code) => ({ code, ...output }))
  return {
    out: () => output.out,
    err: () => output.err,
    type: (text) => void stdin.write(text),
    interrupt: () => stop.abort(new Error('stopped by SIGINT')),
    raw,
    ended,
  }
}

/** A console that says hello to its user and ends. */
export const greeter: ConnectSubresource = {
  group: 'subresources.virtualization.deckhouse.io',
  version: 'v1alpha2',
  plural: 'virtualmachines',
  name: 'console',
  kind: 'VirtualMachineConsole',
  protocols: ['plain.virtualization.deckhouse.io'],
  check: async () => undefined,
  probe: async () => ({}),
  connect: async ({ user }, socket) => {
    socket.send(`hello ${user}`)
  },
}

export const VM = (name: string, more: Record<string, unknown> = {}) => ({
  apiVersion: 'virtualization.deckhouse.io/v1alpha2',
  kind: 'VirtualMachine',
  metadata: { name },
  spec: {
    virtualMachineClassName: 'generic',
    cpu: { cores: 1 },
    memory: { size: '1Gi' },
    blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root' }],
    ...more,
  },
})
