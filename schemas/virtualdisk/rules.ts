// What is wrong with a VirtualDisk beyond its schema.
import type { Rule } from '../kind.ts'

export const VIRTUAL_DISK_RULES: readonly Rule[] = []
