// `berth ssh` and `berth scp`: this machine's OpenSSH, through the API to the guest.
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { VirtualMachine } from '../../schemas/index.ts'
import { runChild } from '../child.ts'
import type { GlobalOptions, Session } from '../session.ts'
import { hostOf, type SshOptions, type SshTarget, type Surroundings, sshOptions, userOf } from '../streams/openssh.ts'
import { parseCopy, parseUserAt, type UserAt } from '../streams/target.ts'
import { Failed, UsageError } from '../usage.ts'

export interface SshCommandOptions extends SshOptions, GlobalOptions {
  /** To be run in the guest. */
  readonly command?: string
}

export interface ScpOptions extends SshOptions, GlobalOptions {
  readonly recursive?: boolean
  readonly preserve?: boolean
}

export async function ssh(
  session: Session,
  options: SshCommandOptions,
  word: string,
  rest: readonly string[],
): Promise<void> {
  if (options.command !== undefined && rest.length > 0)
    throw new UsageError('give the command with --command or after --, not both')
  const command = options.command === undefined ? rest : [options.command]
  const target = await find(session, parseUserAt(word), options)
  await openssh(session, options, 'ssh', target, ['--', hostOf(target), ...command])
}

export async function scp(session: Session, options: ScpOptions, from: string, to: string): Promise<void> {
  const { toRemote, local, remote, path } = parseCopy(from, to)
  const target = await find(session, remote, options)
  const far = `${hostOf(target)}:${path}`
  const flags = [...(options.recursive ? ['-r'] : []), ...(options.preserve ? ['-p'] : [])]
  await openssh(session, options, 'scp', target, [...flags, '--', ...(toRemote ? [local, far] : [far, local])])
}

/** @throws ApiError for a machine that is not there */
async function find({ client, io, namespace }: Session, word: UserAt, options: SshOptions): Promise<SshTarget> {
  const place = { name: word.name, namespace: word.namespace ?? namespace }
  const user = userOf(word, options)
  const kinds = await client.catalog(io.signal)
  const { metadata } = await client.objects.get<VirtualMachine>(kinds.resolve('VirtualMachine'), place)
  return { ...place, uid: metadata.uid, ...(user === undefined ? {} : { user }) }
}

/** Its exit code becomes ours: ssh gives that of the command in the guest. */
async function openssh(
  { io }: Session,
  options: SshOptions & GlobalOptions,
  file: 'ssh' | 'scp',
  target: SshTarget,
  words: readonly string[],
): Promise<void> {
  const knownHosts = join(stateFolder(io.env), 'known_hosts')
  const around: Surroundings = { self: io.self, server: serverOptions(options), knownHosts }
  if (options.knownHosts === undefined) await mkdir(dirname(knownHosts), { recursive: true, mode: 0o700 })
  const code = await runChild(io, { file, args: [...sshOptions(options, target, around), ...words], reads: true })
  if (code !== 0) throw new Failed(code)
}

/** XDG's place for what a program remembers. */
const stateFolder = (env: Session['io']['env']): string =>
  join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local/state'), 'berth')

/** Where the caller's options lead; what the environment says is inherited. No secret goes into a command line. */
const serverOptions = ({ socket, kubeconfig, context }: GlobalOptions): string[] => [
  ...(socket === undefined ? [] : ['--socket', socket]),
  ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
  ...(context === undefined ? [] : ['--context', context]),
]
