import type { VirtualMachineOperation } from '../../../../schemas/index.ts'
import {
  cloneGetsNewNames,
  cloneHasDetails,
  detailsAreBuilt,
  migrateBelongsToMigrate,
  namePrefixFits,
  nameSuffixFits,
  replacementsFit,
  restoreHasDetails,
  specIsImmutable,
  startIsNotForced,
  typeIsBuilt,
} from '../../../../schemas/virtualmachineoperation/rules.ts'
import { checkRules } from '../expect.ts'
import { virtualMachineOperation as op } from '../samples.ts'

type Clone = NonNullable<VirtualMachineOperation['spec']['clone']>
const clone = (details: Partial<Clone>) => op({ type: 'Clone', clone: { mode: 'Strict', ...details } })
const restore = { mode: 'Strict', virtualMachineSnapshotName: 's' } as const
const to = (name: string) => clone({ nameReplacement: [{ from: { name: 'a' }, to: name }] })
const builtWords = /is not built yet in Berth$/

checkRules<VirtualMachineOperation>([
  {
    rule: specIsImmutable,
    good: [[op({})], [op({ force: false }), op({ force: false })]],
    bad: [[op({ type: 'Stop', force: true }), 'spec', /immutable/, op({ type: 'Stop' })]],
  },
  {
    rule: startIsNotForced,
    good: [[op({})], [op({ force: false })], [op({ type: 'Stop', force: true })]],
    bad: [[op({ force: true }), 'spec.force', /cannot be performed forcibly/]],
  },
  {
    rule: restoreHasDetails,
    good: [[op({})], [op({ type: 'Restore', restore })]],
    bad: [[op({ type: 'Restore' }), 'spec.restore', /requires the field restore/]],
  },
  {
    rule: cloneHasDetails,
    good: [[op({})], [clone({})]],
    bad: [[op({ type: 'Clone' }), 'spec.clone', /requires the field clone/]],
  },
  {
    rule: migrateBelongsToMigrate,
    good: [[op({})], [op({ type: 'Migrate', migrate: {} })]],
    bad: [[op({ type: 'Evict', migrate: {} }), 'spec.migrate', /only be set when spec.type is Migrate/]],
  },
  {
    rule: cloneGetsNewNames,
    good: [
      [op({})],
      [clone({ customization: { namePrefix: 'a-' } })],
      [clone({ customization: { nameSuffix: '-a' } })],
      [to('b')],
    ],
    bad: [
      [clone({}), 'spec.clone', /needs customization.namePrefix/],
      [clone({ customization: { namePrefix: '' }, nameReplacement: [] }), 'spec.clone', /needs/],
    ],
  },
  {
    rule: namePrefixFits,
    good: [[op({})], [clone({ customization: { namePrefix: 'a'.repeat(59) } })]],
    bad: ['', 'a'.repeat(60)].map((namePrefix) => [
      clone({ customization: { namePrefix } }),
      'spec.clone.customization.namePrefix',
      /1 to 59/,
    ]),
  },
  {
    rule: nameSuffixFits,
    good: [[op({})], [clone({ customization: { nameSuffix: 'a'.repeat(59) } })]],
    bad: ['', 'a'.repeat(60)].map((nameSuffix) => [
      clone({ customization: { nameSuffix } }),
      'spec.clone.customization.nameSuffix',
      /1 to 59/,
    ]),
  },
  {
    rule: replacementsFit,
    good: [[op({})], [to('a'.repeat(59))]],
    bad: ['', 'a'.repeat(60)].map((name) => [to(name), 'spec.clone.nameReplacement[0].to', /1 to 59/]),
  },
  {
    rule: typeIsBuilt,
    good: (['Start', 'Stop', 'Restart', 'Migrate', 'Evict'] as const).map((type) => [op({ type })]),
    bad: (['Restore', 'Clone'] as const).map((type) => [op({ type }), 'spec.type', builtWords]),
  },
  {
    rule: detailsAreBuilt,
    good: [[op({})], [op({ type: 'Restore', restore })]],
    bad: [
      [op({ restore }), 'spec.restore', builtWords],
      [op({ clone: { mode: 'Strict' } }), 'spec.clone', builtWords],
    ],
  },
])
