// Small random worlds in which rules often collide.
import * as fc from 'fast-check'
import { type NodeFacts, nodeFacts, type VmFacts, vmFacts } from '../../../../lib/placement/index.ts'
import type { LabelSelector, NeighbourTerm, SpreadConstraint } from '../../../../lib/placement/types.ts'
import { HOSTNAME, ZONE } from './world.ts'

const APPS = ['a', 'b'] as const
const NAMESPACES = ['n1', 'n2'] as const

export const topologyKey = fc.constantFrom(HOSTNAME, ZONE)

const labelSelector: fc.Arbitrary<LabelSelector> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...APPS).map((app) => ({ matchLabels: { app } })) },
  { weight: 1, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constant({ matchExpressions: [{ key: 'app', operator: 'Exists' }] }) },
  { weight: 1, arbitrary: fc.constant({ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] }) },
)

const term: fc.Arbitrary<NeighbourTerm> = fc.record(
  {
    topologyKey,
    labelSelector,
    namespaces: fc.subarray([...NAMESPACES]),
    namespaceSelector: fc.constantFrom<LabelSelector>({}, { matchLabels: { team: 'x' } }),
    matchLabelKeys: fc.constant(['release']),
    mismatchLabelKeys: fc.constant(['release']),
  },
  { requiredKeys: ['topologyKey'] },
)

const spread: fc.Arbitrary<SpreadConstraint> = fc.record({
  topologyKey,
  labelSelector,
  maxSkew: fc.integer({ min: 1, max: 2 }),
  whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'ScheduleAnyway'),
})

const few = <T>(of: fc.Arbitrary<T>, maxLength = 1): fc.Arbitrary<readonly T[]> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: fc.array(of, { minLength: 1, maxLength }) },
  )

export interface VmOptions {
  readonly spread?: boolean
  readonly near?: boolean
}

export const vmNamed = (name: string, options: VmOptions = {}): fc.Arbitrary<VmFacts> =>
  fc
    .record({
      namespace: fc.constantFrom(...NAMESPACES),
      app: fc.constantFrom(...APPS),
      release: fc.constantFrom('1', '2'),
      milliCpu: fc.integer({ min: 0, max: 4 }),
      memoryBytes: fc.integer({ min: 0, max: 4 }),
      priority: fc.integer({ min: 0, max: 3 }),
      near: options.near === false ? fc.constant([]) : few(term, 2),
      apart: few(term, 2),
      spread: options.spread === false ? fc.constant([]) : few(spread, 2),
      preferNear: few(fc.record({ weight: fc.integer({ min: 1, max: 100 }), term })),
      preferApart: few(fc.record({ weight: fc.integer({ min: 1, max: 100 }), term })),
      disk: fc.constantFrom({}, {}, { disk: 'ssd' }),
      tolerates: fc.boolean(),
    })
    .map(({ app, release, disk, tolerates, ...facts }) =>
      vmFacts({
        ...facts,
        uid: `uid-${name}`,
        name,
        labels: { app, release },
        nodeSelector: disk,
        tolerations: tolerates ? [{ key: 't', operator: 'Exists' }] : [],
      }),
    )

export const vms = (max: number, options: VmOptions = {}): fc.Arbitrary<readonly VmFacts[]> =>
  fc
    .integer({ min: 1, max })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => vmNamed(`vm${index}`, options))))

export const hostNamed = (name: string): fc.Arbitrary<NodeFacts> =>
  fc
    .record({
      zone: fc.constantFrom('z1', 'z2', null),
      milliCpu: fc.integer({ min: 0, max: 10 }),
      memoryBytes: fc.integer({ min: 0, max: 10 }),
      unschedulable: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      taint: fc.constantFrom(null, null, null, 'NoSchedule', 'PreferNoSchedule'),
      ssd: fc.boolean(),
    })
    .map(({ zone, taint, ssd, ...facts }) =>
      nodeFacts({
        ...facts,
        name,
        labels: { [HOSTNAME]: name, ...(zone === null ? {} : { [ZONE]: zone }), ...(ssd ? { disk: 'ssd' } : {}) },
        taints: taint === null ? [] : [{ key: 't', effect: taint }],
      }),
    )

export const hosts = (max: number): fc.Arbitrary<readonly NodeFacts[]> =>
  fc
    .integer({ min: 1, max })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => hostNamed(`h${index}`))))

export const namespaces = fc.constantFrom<Readonly<Record<string, Readonly<Record<string, string>>>>>(
  {},
  { n1: { team: 'x' } },
  { n1: { team: 'x' }, n2: { team: 'y' } },
)

/** With disks that are to be made, or lie somewhere, and devices: what the simple judge (`oracle.ts`) knows nothing of. */
export const withAmounts = (vm: fc.Arbitrary<VmFacts>): fc.Arbitrary<VmFacts> =>
  fc
    .record({
      vm,
      disks: few(
        fc.record({
          name: fc.constantFrom('root', 'data'),
          storageClass: fc.constantFrom('fast', 'slow', null),
          shared: fc.boolean(),
          node: fc.constantFrom(null, null, 'h0'),
          bytes: fc.integer({ min: 0, max: 4 }),
          made: fc.boolean(),
          folder: fc.constant(null),
        }),
        2,
      ),
      devices: few(fc.record({ name: fc.constantFrom('gpu', 'usb'), count: fc.integer({ min: 1, max: 2 }) })),
    })
    .map(({ vm: facts, ...amounts }) => ({ ...facts, ...amounts }))

/** With room in a storage class and devices for these. */
export const withRoom = (host: fc.Arbitrary<NodeFacts>): fc.Arbitrary<NodeFacts> =>
  fc
    .record({ host, freeBytes: fc.option(fc.integer({ min: 0, max: 8 })), gpus: fc.integer({ min: 0, max: 3 }) })
    .map(({ host: facts, freeBytes, gpus }) => ({
      ...facts,
      storageClasses:
        freeBytes === null ? null : new Map([['fast', { problem: null, freeBytes, totalBytes: 8, folder: null }]]),
      devices: new Map([['gpu', gpus]]),
    }))
