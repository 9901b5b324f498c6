// Pods, which are not here: kubectl's drain, logs, exec, attach, cp, run and port-forward ask for them first, and are told what does the job.
import { ApiError } from '../../errors.ts'
import type { ResourceTarget } from './path.ts'

/** As discovery lists it: without verbs it is known to clients and offered to nobody. */
export const PODS = { plural: 'pods', singular: 'pod', kind: 'Pod', shortNames: ['po'] } as const

export const isAboutPods = ({ group, version, plural }: ResourceTarget): boolean =>
  group === '' && version === 'v1' && plural === PODS.plural

export function noPods({ name }: ResourceTarget, query: URLSearchParams): ApiError {
  const details = { kind: PODS.plural, ...(name === null ? {} : { name }) }
  const refusal = (message: string): ApiError => new ApiError('NotFound', message, details)
  if (name !== null)
    return refusal(
      `Berth runs virtual machines, not pods: instead of logs, exec and attach use "berth console ${name}", for what happened "berth events ${name}"`,
    )
  if ((query.get('fieldSelector') ?? '').includes('spec.nodeName'))
    return refusal(
      'Berth runs virtual machines, not pods, and drain does not stop them: "kubectl cordon" the node (drain has done so) and "berth stop" each machine on it',
    )
  return refusal('Berth runs virtual machines, not pods: "kubectl get vm" or "berth get vm" shows them')
}
