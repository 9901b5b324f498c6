// The legal moves of a session, as a table.

const LEGAL = {
  opening: ['ready', 'closed'],
  ready: ['draining', 'closed'],
  draining: ['closed'],
  closed: [],
} as const satisfies Record<string, readonly string[]>

/** Where a session stands. It exists from a connected byte stream on; `draining` has said goodbye. */
export type SessionState = keyof typeof LEGAL

/** The new state; throws on a move that the table does not have. */
export function moveTo(from: SessionState, to: SessionState): SessionState {
  if (!(LEGAL[from] as readonly string[]).includes(to)) throw new Error(`a session cannot go from ${from} to ${to}`)
  return to
}
