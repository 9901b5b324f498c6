// A host that is not ready starts nothing.
import { type NodeFilter, refuse } from '../filter.ts'

const name = 'Readiness'

export const READINESS: NodeFilter = {
  name,
  check:
    () =>
    ({ notReady }) =>
      notReady === null ? null : refuse(name, 'not ready', `the node is not ready: ${notReady}`),
}
