/** Which cgroup hierarchy weighs the CPU time of guests. */
import type { HostReader } from './host-reader.ts'

/** The hierarchy with a usable `cpu` controller: `v1`, `v2`, or none. */
export async function findCpuController(host: HostReader): Promise<'v1' | 'v2' | null> {
  const mounts = parseMounts((await host.readText('/proc/self/mountinfo')) ?? '')
  if (mounts.some(({ type, controllers }) => type === 'cgroup' && controllers.includes('cpu'))) return 'v1'
  for (const { type, path } of mounts) {
    if (type !== 'cgroup2') continue
    const controllers = (await host.readText(`${path}/cgroup.controllers`)) ?? ''
    if (controllers.trim().split(/\s+/).includes('cpu')) return 'v2'
  }
  return null
}

interface CgroupMount {
  readonly type: string
  readonly path: string
  readonly controllers: readonly string[]
}

/**
 * Reads `/proc/self/mountinfo` (proc(5)): five fixed fields, options, optional fields, "-", type, source, options of
 * the file system, among which version 1 lists its controllers. Hierarchies mounted read-only serve nobody.
 */
export function parseMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , , path = '', options = ''] = before.split(' ')
    const [type = '', , superOptions = ''] = after.split(' ')
    if (!type.startsWith('cgroup') || options.split(',').includes('ro')) return []
    return [{ type, path: withBlanks(path), controllers: superOptions.split(',') }]
  })
}

/** Blanks and the like are written as octal. */
function withBlanks(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
