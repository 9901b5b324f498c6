// Words that name a virtual machine, a user in it, a port, a file: `[user@]NAME[.NAMESPACE]`, `[tcp|udp/]LOCAL[:TARGET]`.
// What is accepted here goes into command lines of other programs, so only what a name can have is.
import { UsageError } from '../usage.ts'

/** RFC 1123; names of virtual machines and namespaces have no dots. */
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
/** Users of Linux and Windows guests (`DOMAIN\user`, `user@domain`); nothing that a shell or an option parser would look at. */
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.@\\+-]*$/
const MAX_NAME = 63
const MAX_PORT = 65_535

export interface Place {
  readonly name: string
  /** Absent when the word does not say. */
  readonly namespace?: string
}

export interface UserAt extends Place {
  readonly user?: string
}

export interface Port {
  readonly protocol: 'tcp' | 'udp'
  /** 0 takes any that is free. */
  readonly local: number
  /** 1 to 65535. */
  readonly target: number
}

export type Copy = {
  readonly toRemote: boolean
  readonly local: string
  readonly remote: UserAt
  readonly path: string
}

/** `web`, `web.shop` @throws UsageError */
export function parsePlace(word: string): Place {
  const [name = '', namespace, ...more] = word.split('.')
  if (!isLabel(name) || more.length > 0 || (namespace !== undefined && !isLabel(namespace)))
    throw new UsageError(`"${word}" is not NAME or NAME.NAMESPACE`)
  return namespace === undefined ? { name } : { name, namespace }
}

/** `root@web.shop` @throws UsageError */
export function parseUserAt(word: string): UserAt {
  const at = word.lastIndexOf('@')
  const place = parsePlace(word.slice(at + 1))
  return at < 0 ? place : { ...place, user: checkUser(word.slice(0, at)) }
}

/** @throws UsageError */
export function checkUser(user: string): string {
  if (!USER.test(user)) throw new UsageError(`"${user}" is not the name of a user`)
  return user
}

/** `8080`, `8080:80`, `udp/5353:53`, `0:22` @throws UsageError */
export function parsePort(word: string): Port {
  const [, protocol = 'tcp', local = '', target = local] = /^(?:(tcp|udp)\/)?(\d{1,5})(?::(\d{1,5}))?$/.exec(word) ?? []
  const port = { protocol: protocol === 'udp' ? 'udp' : 'tcp', local: Number(local), target: Number(target) } as const
  if (local === '' || port.local > MAX_PORT || port.target > MAX_PORT || port.target === 0)
    throw new UsageError(`"${word}" is not [tcp/|udp/]LOCAL[:TARGET] with ports up to ${MAX_PORT}`)
  return port
}

/** One of the two is `[user@]NAME[.NAMESPACE]:PATH`, the other a local path. @throws UsageError */
export function parseCopy(source: string, target: string): Copy {
  const [fromRemote, toRemote] = [isRemote(source), isRemote(target)]
  if (fromRemote === toRemote)
    throw new UsageError(
      fromRemote ? 'one of the two must be a local path' : 'one of the two must be [USER@]NAME[.NAMESPACE]:PATH',
    )
  const [remote, local] = toRemote ? [target, source] : [source, target]
  if (local === '') throw new UsageError('the local path is empty')
  const colon = remote.indexOf(':')
  return { toRemote, local, remote: parseUserAt(remote.slice(0, colon)), path: remote.slice(colon + 1) }
}

/** As scp sees it: a colon before the first slash. */
const isRemote = (word: string): boolean => /^[^/:]*:/.test(word)

const isLabel = (text: string): boolean => text.length <= MAX_NAME && LABEL.test(text)
