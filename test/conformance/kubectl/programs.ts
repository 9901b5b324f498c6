// The kubectl programs of this machine, by version.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export interface Program {
  readonly path: string
  /** `1.30` */
  readonly version: string
}

const SDK = '/usr/lib/google-cloud-sdk/bin'
/** From here on kubectl lets the server check fields, and can be used with its validation on. */
const VALIDATES = 27

/** What `scripts/test` found or fetched; else what can be found without it. Oldest first, one of each version. */
export function programs(): readonly Program[] {
  const given = (process.env.BERTH_KUBECTLS ?? '').split('\n').filter((path) => path !== '')
  const found = new Map<string, Program>()
  for (const path of given.length > 0 ? given : [...inSdk(), ...inCache(), ...onPath()]) {
    const version = versionOf(path)
    if (!found.has(version)) found.set(version, { path, version })
  }
  return [...found.values()].sort((a, b) => minor(a) - minor(b))
}

const filesIn = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : [])

const inSdk = (): readonly string[] =>
  filesIn(SDK)
    .filter((name) => /^kubectl\.1\.\d+$/.test(name))
    .map((name) => join(SDK, name))

/** Debian packages that `scripts/test` unpacked. */
function inCache(): readonly string[] {
  const cache = process.env.BERTH_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'berth')
  return filesIn(join(cache, 'debs')).flatMap((release) =>
    ['kubernetes-client', 'kubectl']
      .map((name) => join(cache, 'debs', release, name, 'usr/bin/kubectl'))
      .filter((path) => existsSync(path)),
  )
}

/** Google's own is a dispatcher to the versions beside it. */
const onPath = (): readonly string[] =>
  inSdk().length > 0
    ? []
    : (process.env.PATH ?? '')
        .split(delimiter)
        .map((folder) => join(folder, 'kubectl'))
        .filter((path) => existsSync(path))
        .slice(0, 1)

function versionOf(path: string): string {
  const named = /kubectl\.(1\.\d+)$/.exec(path)?.[1]
  if (named !== undefined) return named
  const text = execFileSync(path, ['version', '--client', '-o', 'json'], { encoding: 'utf8', timeout: 30_000 })
  return /"gitVersion": "v(1\.\d+)/.exec(text)?.[1] ?? 'unknown'
}

const minor = ({ version }: Program): number => Number(version.split('.')[1] ?? 0)

export const validates = (program: Program): boolean => minor(program) >= VALIDATES

/** Those that get every test: the newest, the oldest and one between; the others get the short list. */
export function inFull(): readonly Program[] {
  const able = programs().filter(validates)
  const picked = [able[0], able[Math.floor((able.length - 1) / 2)], able.at(-1)]
  return [...new Set(picked)].filter((program) => program !== undefined)
}
