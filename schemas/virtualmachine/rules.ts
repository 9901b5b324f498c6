// What is wrong with a VirtualMachine beyond its schema.
import { ruleOf } from '../errors.ts'
import type { Rule } from '../kind.ts'
import { BUILT_CHECKS } from './rules-built.ts'
import { DVP_CHECKS } from './rules-dvp.ts'
import { PLACEMENT_CHECKS } from './rules-placement.ts'
import { VALUE_CHECKS } from './rules-values.ts'

export const VIRTUAL_MACHINE_RULES: readonly Rule[] = [
  ...DVP_CHECKS,
  ...VALUE_CHECKS,
  ...PLACEMENT_CHECKS,
  ...BUILT_CHECKS,
].map(ruleOf)
