// What is wrong with a StorageClass beyond its schema.
import type { Rule } from '../kind.ts'

export const STORAGE_CLASS_RULES: readonly Rule[] = []
