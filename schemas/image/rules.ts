// What is wrong with an image beyond its schema.
import type { Rule } from '../kind.ts'

export const VIRTUAL_IMAGE_RULES: readonly Rule[] = []
export const CLUSTER_VIRTUAL_IMAGE_RULES: readonly Rule[] = []
