// What is wrong with a Secret beyond its schema. Messages never hold a value.
import type { Rule } from '../kind.ts'

export const SECRET_RULES: readonly Rule[] = []
