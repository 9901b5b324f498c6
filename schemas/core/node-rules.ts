// What is wrong with a Node beyond its schema.
import type { Rule } from '../kind.ts'

export const NODE_RULES: readonly Rule[] = []
