// Whether guests of a host can have a TPM, as its agent's check says it in the Node's conditions.
import type { Node } from '../core/node-schema.ts'

export const TPM_CONDITION = 'TPMAvailable'

/** False as well for a host that has not said. */
export const guestsHaveTpm = ({ status }: Pick<Node, 'status'>): boolean =>
  status?.conditions?.some(({ type, status }) => type === TPM_CONDITION && status === 'True') ?? false
