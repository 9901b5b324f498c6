// Whether a host may join, by what it says of itself and what is known: pure, each no with words.
import { isIP } from 'node:net'
import { MAX_NODE_NAME } from '../../lib/cluster/identity.ts'
import { versionProblem } from '../../lib/cluster/versions.ts'
import { ApiError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { type HostAsk, type JoinAsk, MAX_CLOCK_SKEW_SECONDS } from '../../schemas/cluster/membership.ts'
import { dnsSubdomain } from '../../schemas/names.ts'
import { machineOfNode } from './node-record.ts'

export interface JoinFacts {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Of the scheduler. */
  readonly version: string
  readonly nodes: readonly KubeObject[]
}

/** What must hold of a host's words at each certificate. @throws ApiError Invalid */
export function checkHost({ node, url, addresses }: HostAsk): void {
  const name = dnsSubdomain(node)
  if (name !== null) throw new ApiError('Invalid', `the host name "${node}" cannot be a Node: ${name}`)
  if (node.length > MAX_NODE_NAME)
    throw new ApiError(
      'Invalid',
      `the host name "${node}" is too long for a certificate: at most ${MAX_NODE_NAME} characters. Set a shorter nodeName in the agent's configuration`,
    )
  if (!URL.canParse(url)) throw new ApiError('Invalid', `${url} is no URL`)
  const wrong = addresses.find((address) => isIP(address) === 0)
  if (wrong !== undefined) throw new ApiError('Invalid', `"${wrong}" is no address`)
}

/** @throws ApiError Invalid, Conflict */
export function judgeJoin(ask: JoinAsk, { now, version, nodes }: JoinFacts): void {
  checkHost(ask)
  const unfit = versionProblem(ask.version, version)
  if (unfit !== null) throw new ApiError('Invalid', unfit)
  checkClock(ask.time, now)
  const same = nodes.find(({ metadata }) => metadata.name === ask.node)
  const owner = same === undefined ? null : machineOfNode(same)
  if (owner !== null && owner !== ask.machine)
    throw new ApiError(
      'Conflict',
      `the name ${ask.node} belongs to another machine (machine id ${owner}; this one has ${ask.machine}). Set another nodeName in the agent's configuration or, when that machine is gone for good, delete its Node first: berth delete node ${ask.node}`,
    )
  const other = nodes.find((node) => machineOfNode(node) === ask.machine && node.metadata.name !== ask.node)
  if (other !== undefined)
    throw new ApiError(
      'Conflict',
      `this machine (machine id ${ask.machine}) has joined as ${other.metadata.name} already: berth node leave on it first, or delete the Node ${other.metadata.name}. Machines that were cloned need machine ids of their own (systemd-machine-id-setup)`,
    )
}

/** @throws ApiError Invalid */
function checkClock(time: string, now: number): void {
  const theirs = Date.parse(time)
  if (Number.isNaN(theirs)) throw new ApiError('Invalid', `"${time}" is no time`)
  const seconds = Math.round((theirs - now) / 1_000)
  if (Math.abs(seconds) <= MAX_CLOCK_SKEW_SECONDS) return
  throw new ApiError(
    'Invalid',
    `the host's clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the scheduler's, ${MAX_CLOCK_SKEW_SECONDS} s are allowed: see to time synchronisation on both (chronyc tracking, timedatectl)`,
  )
}
