// A disk that no machine takes along: where it goes, when, and what it says meanwhile.
import { describe, expect, it } from 'vitest'
import {
  aimDisk,
  type DiskHost,
  type DiskSeen,
  GRACE_MS,
} from '../../../../../scheduler/controllers/virtualdisk/plan.ts'

const seen = (over: Partial<DiskSeen> = {}): DiskSeen => ({
  placement: undefined,
  storageClass: { waits: false, shared: false },
  machines: [],
  ageMs: GRACE_MS,
  bytes: 1n,
  silence: null,
  newer: null,
  ...over,
})
const host = (name: string, over: Partial<DiskHost> = {}): DiskHost => ({
  name,
  notReady: null,
  freeBytes: 5n,
  hasImage: false,
  ...over,
})
const says = (reason: string, message: string | RegExp) => ({
  do: 'say',
  condition: expect.objectContaining({
    reason,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  }),
})

describe('goes', () => {
  it.each([
    ['where most room is', [host('h1'), host('h2', { freeBytes: 9n })], 'h2'],
    ['by name among equals', [host('h2'), host('h1')], 'h1'],
    ['where its image is', [host('h1', { freeBytes: 9n }), host('h2', { hasImage: true })], 'h2'],
    ['where it may', [host('h1', { notReady: 'it is cordoned' }), host('h2', { freeBytes: null })], 'h2'],
    ['not where nothing fits', [host('h1', { freeBytes: 0n, hasImage: true }), host('h2')], 'h2'],
  ] as const)('%s', (_title, hosts, node) => expect(aimDisk(seen(), hosts)).toEqual({ do: 'place', node }))
})

describe('waits, and says for what', () => {
  const hosts = [host('h1')]
  it.each([
    [
      'a machine that names it',
      { machines: ['ns/web'] },
      'WaitingForFirstConsumer',
      'the disk is made where ns/web gets its place',
    ],
    [
      'a first machine',
      { storageClass: { waits: true, shared: false } },
      'WaitingForFirstConsumer',
      /the first machine/,
    ],
    ['its class', { storageClass: null }, 'StorageClassIsNotReady', /does not exist/],
    ['a machine that may come with it', { ageMs: 0 }, 'ProvisioningNotStarted', /in a moment/],
    [
      'its host',
      { placement: { node: 'h1', epoch: 1, since: '' }, silence: 'no sign of life for 20 s' },
      'NodeStatusUnknown',
      'h1: no sign of life for 20 s',
    ],
    [
      'somebody to take up what a host knows, whatever else it waits for',
      { placement: { node: 'h1', epoch: 1, since: '' }, silence: 'no sign of life for 20 s', newer: 'h2 has it' },
      'StaleEpoch',
      'h2 has it',
    ],
    ['the same without a host: it is given to none', { newer: 'h2 has it' }, 'StaleEpoch', 'h2 has it'],
  ] as const)('%s', (_title, over, reason, message) =>
    expect(aimDisk(seen(over as Partial<DiskSeen>), hosts)).toMatchObject(says(reason, message)),
  )

  it('for any host, naming each', () => {
    const none = [host('h1', { notReady: 'it is cordoned' }), host('h2', { freeBytes: 0n })]
    expect(aimDisk(seen(), none)).toMatchObject(
      says('ProvisioningNotStarted', 'no host can take it: h1: it is cordoned; h2: the disk needs 1 B, 0 GiB are free'),
    )
    expect(aimDisk(seen(), [])).toMatchObject(says('ProvisioningNotStarted', /the cluster has no host/))
  })

  it('for nothing, where it is', () => {
    expect(aimDisk(seen({ placement: { node: 'h1', epoch: 1, since: '' } }), [])).toEqual({ do: 'nothing' })
  })
})
