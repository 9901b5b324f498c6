// What is wrong with a VirtualMachine beyond its schema.
import type { Rule } from '../kind.ts'

export const VIRTUAL_MACHINE_RULES: readonly Rule[] = []
