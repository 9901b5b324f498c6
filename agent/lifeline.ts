// The agent's life on libvirt: waits for the first answer, surveys the host, starts the session; before and without that,
// the API still answers, and says what is missing.

import { ApiError, messageOf } from '../lib/errors.ts'
import type { LibvirtPool } from '../lib/libvirt/index.ts'
import type { Host } from './cluster/binding-admission.ts'
import type { AgentCore } from './core.ts'
import type { CheckContext, CheckResult, Survey } from './host/index.ts'
import { runHostChecks, surveyHost, systemHost } from './host/index.ts'
import { LibvirtReports } from './libvirt-reports.ts'
import type { HandoverSide } from './migration/handover.ts'
import type { Reach } from './network/main-network.ts'
import { type Session, type SessionDeps, startSession } from './session.ts'
import type { Volumes } from './storage/volumes.ts'

const CONNECT_TIMEOUT_MS = 10_000
const RETRY_MS = 1_000

export interface LifelineDeps {
  readonly core: AgentCore
  /** Where networks are served; the same pool as `core.libvirt` with one libvirtd. */
  readonly networks: LibvirtPool
  readonly volumes: Volumes
  readonly storage: SessionDeps['storage']
  readonly told: SessionDeps['told']
  readonly strayFiles: (known: ReadonlySet<string>) => readonly string[]
  readonly version: string
}

export class Lifeline {
  readonly #deps: LifelineDeps
  readonly #libvirt: LibvirtReports
  readonly #stopping = new AbortController()
  #session: Session | null = null
  #survey: Survey | null = null
  #problem = 'libvirt was not asked yet'
  #running: Promise<void> | null = null
  #settle: () => void = () => undefined
  /** Resolves after the first attempt, whatever came of it. */
  readonly settled = new Promise<void>((resolve) => {
    this.#settle = resolve
  })

  constructor(deps: LifelineDeps) {
    this.#deps = deps
    this.#libvirt = new LibvirtReports({ ...deps.core, session: () => this.#session })
  }

  start(): void {
    this.#libvirt.start()
    this.#running = this.#live()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the agent is stopping'))
    await Promise.all([this.#running, this.#libvirt.stop()])
    await this.#session?.stop()
  }

  /** Those that live on libvirt; none before it answers. */
  get controllers(): Session['controllers'] {
    return this.#session?.controllers ?? []
  }

  /** @throws Error in words while virtual machines are not looked after */
  requireReady(): void {
    if (this.#session === null) throw new Error(this.#problem)
    const trouble = this.#libvirt.trouble()
    if (trouble !== null && trouble.reason !== 'LibvirtSlow') throw new Error(trouble.message)
    if (!this.#deps.core.libvirt.connected) throw new Error('libvirt does not answer')
  }

  /** What there is to say in one line. */
  status(): string {
    try {
      this.requireReady()
      return 'Virtual machines are looked after'
    } catch (error) {
      return `The API answers; virtual machines are not looked after: ${messageOf(error)}`
    }
  }

  /** What judges whether a machine fits this host. @throws ApiError ServiceUnavailable before libvirt answers */
  host(): Host {
    return this.#requireSession().host
  }

  #requireSession(): Session {
    if (this.#session !== null) return this.#session
    throw new ApiError('ServiceUnavailable', `virtual machines are not looked after yet: ${this.#problem}`)
  }

  /** Where a machine's guest is reached; null while that is not known. @throws ApiError ServiceUnavailable before libvirt answers */
  reach(uid: string): Reach | null {
    return this.#requireSession().reach(uid)
  }

  /** What other hosts ask about machines that move. @throws ApiError ServiceUnavailable before libvirt answers */
  handover(): HandoverSide {
    return this.#requireSession().handover
  }

  /** The host checks, run now. @throws Error while the host was never surveyed */
  async hostChecks(signal: AbortSignal): Promise<readonly CheckResult[]> {
    const { clock } = this.#deps.core
    return runHostChecks(this.#context(), clock, signal)
  }

  #context(): CheckContext {
    if (this.#survey !== null) return this.#survey.checkContext
    return {
      host: systemHost,
      stateDir: this.#deps.core.config.stateDir,
      kvm: { usable: false, reason: 'KVMFailed', message: `KVM was not measured yet: ${this.#problem}` },
      cpuController: null,
      efi: null,
      emulated: false,
    }
  }

  async #live(): Promise<void> {
    const { log, clock } = this.#deps.core
    const { signal } = this.#stopping
    while (!signal.aborted && this.#session === null) {
      try {
        await this.#begin(signal)
      } catch (error) {
        if (signal.aborted) return
        const known = this.#problem
        this.#problem = messageOf(error)
        const say = known === this.#problem ? log.debug.bind(log) : log.warn.bind(log)
        say({ err: error }, `virtual machines are not looked after yet: ${this.#problem}`)
        this.#settle()
        await clock.sleep(RETRY_MS, signal).catch(() => undefined)
      }
    }
    this.#settle()
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { core, networks, volumes, storage, told, strayFiles, version } = this.#deps
    const { config, clock, log } = core
    for (const pool of new Set([core.libvirt, networks]))
      if (!pool.connected) await pool.connect({ signal, timeoutMs: CONNECT_TIMEOUT_MS })
    this.#survey ??= await surveyHost({ config, libvirt: core.libvirt, host: systemHost, clock }, signal)
    log.info({ accelerator: this.#survey.accelerator, machine: this.#survey.facts.machineType }, 'host surveyed')
    const libvirtTrouble = () => this.#libvirt.trouble()
    this.#session = await startSession(
      { core, networks, volumes, storage, told, strayFiles, version, survey: this.#survey, libvirtTrouble },
      signal,
    )
  }
}
