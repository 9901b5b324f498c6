/** A host made of a few files and programs. */
import type { HostReader, ProgramResult } from '../../../../agent/host/host-reader.ts'

export interface FakeHost {
  /** Path -> text. */
  readonly files?: Readonly<Record<string, string>>
  /** `program arg arg` -> output; `null` for a program that fails. Others are missing. */
  readonly programs?: Readonly<Record<string, string | null>>
  readonly freeGiB?: number
  readonly totalGiB?: number
}

const GIB = 1024n ** 3n

export function fakeHost({ files = {}, programs = {}, freeGiB = 100, totalGiB = 200 }: FakeHost = {}): HostReader {
  const paths = Object.keys(files)
  return {
    readText: async (path) => files[path],
    exists: async (path) => paths.some((known) => known === path || known.startsWith(`${path}/`)),
    list: async (path) => {
      const below = paths.filter((known) => known.startsWith(`${path}/`)).map((known) => known.slice(path.length + 1))
      return [...new Set(below.map((rest) => rest.split('/')[0] ?? ''))]
    },
    run: async (program, args): Promise<ProgramResult> => {
      const output = programs[[program, ...args].join(' ')]
      if (output === undefined) return { ok: false, missing: true, reason: `${program} not found` }
      return output === null ? { ok: false, missing: false, reason: `${program} failed` } : { ok: true, stdout: output }
    },
    space: async () => ({
      freeBytes: BigInt(Math.round(freeGiB * 1024)) * (GIB / 1024n),
      totalBytes: BigInt(totalGiB) * GIB,
    }),
  }
}
