// All rules about where a VM may be, in the order in which a host is judged.
import type { AnyFilter } from '../filter.ts'
import { ACCELERATOR } from './accelerator.ts'
import { AFFINITY } from './affinity.ts'
import { ANTI_AFFINITY } from './anti-affinity.ts'
import { ASKED } from './asked.ts'
import { CLASS_SELECTOR } from './class-selector.ts'
import { CORDON_FILTER } from './cordon.ts'
import { CPU } from './cpu.ts'
import { CPU_MODEL } from './cpu-model.ts'
import { DEVICES } from './devices.ts'
import { MEMORY } from './memory.ts'
import { NODE_AFFINITY } from './node-affinity.ts'
import { NODE_SELECTOR } from './node-selector.ts'
import { READINESS } from './readiness.ts'
import { COMMON_ROOM, ROOM } from './room.ts'
import { SPREAD } from './spread.ts'
import { STORAGE } from './storage.ts'
import { TAINTS } from './taints.ts'
import { TPM } from './tpm.ts'

/** Rules about the host's labels, taints and neighbours: what holds for a lone host as well. */
export const LABEL_RULES: readonly AnyFilter[] = [
  NODE_SELECTOR,
  CLASS_SELECTOR,
  NODE_AFFINITY,
  CORDON_FILTER,
  TAINTS,
  AFFINITY,
  ANTI_AFFINITY,
  SPREAD,
]

/** All of them; the first one that refuses is the reason that is counted. */
export const FILTERS: readonly AnyFilter[] = [
  ASKED,
  READINESS,
  CORDON_FILTER,
  TAINTS,
  NODE_SELECTOR,
  CLASS_SELECTOR,
  NODE_AFFINITY,
  CPU_MODEL,
  ACCELERATOR,
  TPM,
  STORAGE,
  ROOM,
  COMMON_ROOM,
  DEVICES,
  CPU,
  MEMORY,
  AFFINITY,
  ANTI_AFFINITY,
  SPREAD,
]
