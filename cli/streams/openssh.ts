// The command line of this machine's ssh or scp that goes through `berth port-forward --stdio`. Pure.
import { checkUser, type UserAt } from './target.ts'

/** What `berth ssh` and `berth scp` have in common, as DVP's client has it. */
export interface SshOptions {
  readonly identityFile?: string
  readonly knownHosts?: string
  readonly port: number
  readonly username?: string
  /** Each may hold several, separated by blanks. */
  readonly sshArgs?: readonly string[]
  /** The same under the name that it had in DVP before. */
  readonly localSshOpts?: readonly string[]
}

export interface SshTarget {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly user?: string
}

export interface Surroundings {
  /** How this program is started again. */
  readonly self: readonly string[]
  /** Options that lead it to the same server: `--socket PATH`. */
  readonly server: readonly string[]
  /** Where host keys are remembered unless `--known-hosts` says. */
  readonly knownHosts: string
}

/** Of the word and of `--username`; the word wins, as in DVP's client. @throws UsageError */
export const userOf = ({ user }: UserAt, { username }: SshOptions): string | undefined =>
  user ?? (username === undefined || username === '' ? undefined : checkUser(username))

/** Options first given win in OpenSSH: what the caller says with `--ssh-args` goes before ours. */
export function sshOptions(options: SshOptions, target: SshTarget, around: Surroundings): string[] {
  const { name, namespace } = target
  const forward = ['port-forward', '--stdio', ...around.server, `${name}.${namespace}`, `tcp/${options.port}`]
  const proxy = [...around.self, ...forward].map(shellWord).join(' ').replaceAll('%', '%%')
  return [
    ...[...(options.sshArgs ?? []), ...(options.localSshOpts ?? [])].flatMap((words) =>
      words.split(/\s+/).filter((word) => word !== ''),
    ),
    ...['-o', `ProxyCommand=${proxy}`],
    ...(options.knownHosts === undefined ? ownHostKeys(target, around) : hostKeysIn(options.knownHosts)),
    ...(options.identityFile === undefined ? [] : ['-i', options.identityFile]),
  ]
}

/** `root@web.shop`: what OpenSSH calls the host. */
export const hostOf = ({ name, namespace, user }: SshTarget): string =>
  `${user === undefined ? '' : `${user}@`}${name}.${namespace}`

/**
 * A key belongs to a machine, not to its name: one that is made anew under an old name is another one, and no alarm. The
 * connection is made by the server, over the host's own network, so the first key is believed; a changed one is not.
 */
const ownHostKeys = ({ uid }: SshTarget, { knownHosts }: Surroundings): string[] => [
  ...['-o', `HostKeyAlias=berth-${uid}`],
  ...hostKeysIn(knownHosts),
  ...['-o', 'StrictHostKeyChecking=accept-new'],
]

const hostKeysIn = (path: string): string[] => ['-o', `UserKnownHostsFile=${configWord(path)}`]

/** One word of the shell that OpenSSH gives the command to. */
const shellWord = (word: string): string =>
  /^[A-Za-z0-9_/.:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** One word of OpenSSH's own configuration language, which also replaces %-tokens. */
const configWord = (path: string): string =>
  `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`
