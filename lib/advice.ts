// What an operator reads about the words that Berth says. The text stands beside the code that says the word; docs/operations.md is
// made of it by scripts/gen-operations-doc.ts, and a test keeps the two equal.

/** About one condition, reason, event, error or figure. Markdown, full sentences. */
export interface Advice {
  /** What is so. */
  readonly means: string
  /** What to do about it; absent when nothing is to be done. */
  readonly todo?: string
}
