// A host that is not ready starts nothing.
import { type Filter, refuse } from '../filter.ts'

const name = 'Readiness'

export const READINESS: Filter = {
  name,
  prepare:
    () =>
    ({ facts: { notReady } }) =>
      notReady === null ? null : refuse(name, 'not ready', `the node is not ready: ${notReady}`),
}
