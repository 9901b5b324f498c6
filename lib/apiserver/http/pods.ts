// Pods, which are not here: kubectl's drain, logs, exec, attach, cp, run and port-forward ask for them first, and are told what does the job.
import { ApiError } from '../../errors.ts'
import { type Answer, type ApiRequest, json } from './answer.ts'
import type { ResourceTarget } from './path.ts'

/** As discovery lists it: without verbs it is known to clients and offered to nobody. */
export const PODS = { plural: 'pods', singular: 'pod', kind: 'Pod', shortNames: ['po'] } as const

export const isAboutPods = ({ group, version, plural }: ResourceTarget): boolean =>
  group === '' && version === 'v1' && plural === PODS.plural

/** `kubectl describe node` asks which pods run on a node, and shows nothing of it without an answer: none do. @throws ApiError NotFound */
export function answerPods({ name }: ResourceTarget, { method, query }: ApiRequest): Answer {
  const selector = query.get('fieldSelector') ?? ''
  if (method === 'GET' && name === null && selector.includes('status.phase!='))
    return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [] })
  const message =
    name !== null ? INSTEAD_OF_ONE(name) : selector.includes('spec.nodeName') ? INSTEAD_OF_DRAIN : INSTEAD_OF_ALL
  throw new ApiError('NotFound', `Berth runs virtual machines, not pods${message}`, {
    kind: PODS.plural,
    ...(name === null ? {} : { name }),
  })
}

const INSTEAD_OF_ONE = (name: string): string =>
  `: instead of logs, exec and attach use "berth console ${name}", instead of port-forward and cp "berth port-forward ${name}" and ` +
  `"berth scp", for what happened "berth events ${name}"`
const INSTEAD_OF_DRAIN =
  ', and drain does not stop them: "kubectl cordon" the node (drain has done so) and "berth stop" each machine on it'
const INSTEAD_OF_ALL = ': "kubectl get vm" or "berth get vm" shows them'
