// Facts of moves for tests of the plan; what is not said is as it should be.
import type { MoveFacts, SideFacts } from '../../../../scheduler/controllers/virtualmachineoperation/facts.ts'
import { DEFAULT_MIGRATION_LIMITS } from '../../../../scheduler/controllers/virtualmachineoperation/facts.ts'
import type {
  BindingMigrationStatus,
  ClusterVmStatus,
  MigrationRecord,
  VirtualMachine,
  VirtualMachineOperation,
} from '../../../../schemas/index.ts'
import { anOperation, aVm } from '../../../support/objects.ts'

export const NOW = Date.parse('2026-01-01T00:10:00Z')
export const SINCE = '2026-01-01T00:09:00Z'

export const running = (berth: ClusterVmStatus = {}, more: Partial<VirtualMachine> = {}): VirtualMachine =>
  aVm({
    ...more,
    status: {
      phase: 'Running',
      ...more.status,
      berth: { placement: { node: 'h1', epoch: 1, since: SINCE }, ...berth },
    } as unknown as NonNullable<VirtualMachine['status']>,
  })

export const move = (
  name: string,
  spec: Partial<VirtualMachineOperation['spec']> = {},
  more: { readonly status?: object; readonly metadata?: object } = {},
): VirtualMachineOperation => {
  const made = anOperation(name, { type: 'Migrate', ...spec }, more.status as VirtualMachineOperation['status'])
  return { ...made, metadata: { ...made.metadata, ...more.metadata } }
}

export const recordOf = (
  operation: VirtualMachineOperation,
  phase: MigrationRecord['phase'],
  more: Partial<MigrationRecord> = {},
): MigrationRecord => ({
  id: operation.metadata.uid,
  operation: operation.metadata.name,
  from: 'h1',
  to: 'h2',
  epoch: 2,
  phase,
  startedAt: SINCE,
  since: SINCE,
  deadline: '2026-01-01T00:20:00Z',
  options: {},
  ...more,
})

export const told = (
  phase: BindingMigrationStatus['phase'],
  more: Partial<BindingMigrationStatus> = {},
): Partial<SideFacts> => ({ told: { id: 'op', phase, ...more } })

export const side = (more: Partial<SideFacts> = {}): SideFacts => ({
  told: null,
  inSync: true,
  silent: false,
  dead: null,
  refused: null,
  ...more,
})

export interface FactsOverrides extends Partial<Omit<MoveFacts, 'side'>> {
  readonly sides?: Readonly<Record<string, Partial<SideFacts>>>
}

export const moveFacts = ({ sides = {}, ...facts }: FactsOverrides): MoveFacts => ({
  now: NOW,
  machine: 'default/web',
  vm: running(),
  operations: [],
  limits: DEFAULT_MIGRATION_LIMITS,
  outdated: null,
  side: (node) => side(sides[node]),
  startSlot: () => null,
  transferSlot: () => null,
  choose: () => ({ node: 'h2' }),
  gib: 4,
  shared: true,
  ...facts,
})
