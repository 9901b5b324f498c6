/** Hardware and system of this host, asked at start and hourly in a short-lived child process. */
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { execa } from 'execa'

export interface Inventory {
  readonly cpu: {
    readonly vendor: string
    readonly model: string
    readonly sockets: number
    readonly physicalCores: number
    readonly threads: number
    readonly maxMHz: number
  }
  readonly os: { readonly name: string; readonly release: string; readonly codename: string; readonly kernel: string }
  readonly system: {
    readonly manufacturer: string
    readonly model: string
    readonly uuid: string
    /** The host is itself a virtual machine, as far as it shows. */
    readonly virtual: boolean
  }
  readonly board: { readonly manufacturer: string; readonly model: string }
}

/** It runs a dozen programs; on a busy host they take seconds. */
const TIMEOUT_MS = 60_000
const MAX_OUTPUT = 1_000_000

/** @throws when the child fails, takes too long or prints what cannot be read; or the signal's reason */
export async function readInventory(signal: AbortSignal): Promise<Inventory> {
  const { stdout } = await execa('nice', ['-n', '10', process.execPath, ...childArgs()], {
    cancelSignal: signal,
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    stdin: 'ignore',
    maxBuffer: MAX_OUTPUT,
    cwd: '/',
  })
  return parseInventory(stdout)
}

/** Built, the child is JavaScript beside this file; in the source tree it is TypeScript and needs its loader. */
function childArgs(): string[] {
  if (!import.meta.url.endsWith('.ts')) return [fileURLToPath(new URL('./inventory-child.js', import.meta.url))]
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  return ['--import', loader, fileURLToPath(new URL('./inventory-child.ts', import.meta.url))]
}

/** Takes what has the right type, and an empty value for what has not: firmware tables hold anything. */
export function parseInventory(json: string): Inventory {
  const root = record(JSON.parse(json))
  const cpu = record(root.cpu)
  const os = record(root.os)
  const system = record(root.system)
  const board = record(root.board)
  return {
    cpu: {
      vendor: text(cpu.vendor),
      model: text(cpu.model),
      sockets: count(cpu.sockets),
      physicalCores: count(cpu.physicalCores),
      threads: count(cpu.threads),
      maxMHz: count(cpu.maxMHz),
    },
    os: { name: text(os.name), release: text(os.release), codename: text(os.codename), kernel: text(os.kernel) },
    system: {
      manufacturer: text(system.manufacturer),
      model: text(system.model),
      uuid: text(system.uuid),
      virtual: system.virtual === true,
    },
    board: { manufacturer: text(board.manufacturer), model: text(board.model) },
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.trim().slice(0, 256) : ''
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.round(value) : 0
}
