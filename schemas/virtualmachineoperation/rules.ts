// What is wrong with a VirtualMachineOperation beyond its schema.
import type { Rule } from '../kind.ts'

export const VIRTUAL_MACHINE_OPERATION_RULES: readonly Rule[] = []
