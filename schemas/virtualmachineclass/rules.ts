// What is wrong with a VirtualMachineClass beyond its schema.
import type { Rule } from '../kind.ts'

export const VIRTUAL_MACHINE_CLASS_RULES: readonly Rule[] = []
