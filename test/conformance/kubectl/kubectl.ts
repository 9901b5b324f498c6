// kubectl as tests call it: with a home and a cache of its own, in a namespace of its own, against one server per test file.
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe } from 'vitest'
import { type ApiServerOptions, startApiServer, type TestApiServer } from '../../support/api-server.ts'
import type { Program } from './programs.ts'

/** Milliseconds that one call may take. */
const CALL_MS = 60_000

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export class Kubectl {
  readonly namespace: string
  readonly version: string
  readonly #program: string
  readonly #server: TestApiServer
  readonly #home: string

  constructor({ path, version }: Program, server: TestApiServer) {
    this.#program = path
    this.version = version
    this.#server = server
    this.namespace = `v${version.replace('.', '-')}`
    this.#home = join(server.folder, `home-${version}`)
  }

  /** Runs to the end, at most 60 s. `input` goes to its standard input. */
  async run(args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const result = await this.start(args, input, env)
    return { code: result.exitCode ?? -1, out: String(result.stdout), err: String(result.stderr) }
  }

  /** Runs and must succeed; the output. */
  async ok(args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}): Promise<string> {
    const ran = await this.run(args, input, env)
    if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${ran.code}\n${ran.out}\n${ran.err}`)
    return ran.out
  }

  /** Runs and must fail; what it says. */
  async fails(args: readonly string[], input = ''): Promise<string> {
    const ran = await this.run(args, input)
    if (ran.code === 0) throw new Error(`kubectl ${args.join(' ')} should have failed\n${ran.out}\n${ran.err}`)
    return ran.err
  }

  /** An object as kubectl reads it. */
  async object(...what: readonly string[]): Promise<Record<string, unknown> & { readonly metadata: Metadata }> {
    return JSON.parse(await this.ok(['get', ...what, '-o', 'json', ...this.#managedFields]))
  }

  /** Versions before 1.21 always show them. */
  get #managedFields(): readonly string[] {
    return Number(this.version.split('.')[1]) < 21 ? [] : ['--show-managed-fields']
  }

  start(args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}) {
    const common = ['--kubeconfig', this.#server.kubeconfig, '--cache-dir', join(this.#home, 'cache')]
    return execa(this.#program, [...common, '--namespace', this.namespace, ...args], {
      input,
      reject: false,
      timeout: CALL_MS,
      extendEnv: false,
      env: { HOME: this.#home, PATH: process.env.PATH ?? '/usr/bin:/bin', ...env },
    })
  }
}

export interface Metadata {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly managedFields?: readonly { readonly manager: string; readonly operation: string }[]
}

/** What the tests of one version work with. */
export interface World {
  readonly server: TestApiServer
  readonly kubectl: Kubectl
}

/** The tests of `body` with each program, which shares the server of the file and has a namespace of its own. */
export function withKubectls(
  list: readonly Program[],
  body: (world: World) => void,
  options: ApiServerOptions = {},
): void {
  let shared: TestApiServer
  beforeAll(async () => {
    shared = await startApiServer(options)
  })
  afterAll(() => shared.stop())
  describe.each(list.map((program) => [program.version, program] as const))('kubectl %s', (_version, program) => {
    let kubectl: Kubectl
    beforeAll(async () => {
      kubectl = new Kubectl(program, shared)
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: kubectl.namespace } }
      await shared.server.resources.create('namespaces', namespace)
    })
    body({
      get server() {
        return shared
      },
      get kubectl() {
        return kubectl
      },
    })
  })
}

export const DISKS = 'virtualdisks.virtualization.deckhouse.io'

export const disk = (name: string, size: string, labels = '') => `apiVersion: virtualization.deckhouse.io/v1alpha2
kind: VirtualDisk
metadata:
  name: ${name}${labels === '' ? '' : `\n  labels: ${labels}`}
spec:
  persistentVolumeClaim:
    size: ${size}
`

/** A disk's status as its controller would write it. */
export async function setStatus({ server, kubectl }: World, name: string, ready: 'True' | 'False'): Promise<void> {
  const at = { namespace: kubectl.namespace, name }
  const found = await server.server.resources.get(DISKS, at)
  const status = {
    phase: ready === 'True' ? 'Ready' : 'Pending',
    capacity: '1Gi',
    conditions: [
      {
        type: 'Ready',
        status: ready,
        reason: 'Test',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
        // `kubectl wait` does not believe a condition about an older generation.
        observedGeneration: found?.metadata.generation ?? 1,
      },
    ],
  }
  await server.server.resources.modifyStatus(DISKS, { ...at, uid: found?.metadata.uid ?? '' }, () => status)
}
