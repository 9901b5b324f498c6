import { expect, it } from 'vitest'
import { type Lease, LeaseTable } from '../../../scheduler/leases.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const ask = {
  node: 'h1',
  bootId: 'boot',
  sentAt: 7_000,
  machines: [{ uid: 'a', epoch: 2 }],
  evidence: [],
  others: [],
}

function table(refusal: string | null = null, remember: () => Promise<void> = async () => undefined) {
  const clock = new ManualClock()
  /** Uids of Nodes that are not as they were at the beginning. */
  const members = new Map<string, string | null>([['stranger', null]])
  const leases = new LeaseTable({
    clock,
    ruler: () => ({ instance: 'me', term: 4 }),
    refusal: () => refusal,
    storageClasses: () => [{ name: 'dir', shared: false }],
    remember,
    member: (node) => (members.has(node) ? (members.get(node) ?? null) : 'first'),
    owns: (node, { uid, epoch }) => node === 'h1' && uid === 'a' && epoch === 2,
  })
  return { clock, leases, members }
}

it('confirms no machine that another host says it has by a higher epoch, for as long as it says so', async () => {
  const { leases } = table()
  const later = { ...ask, node: 'h2', machines: [{ uid: 'a', epoch: 3 }] }
  await leases.renew(later, 'system:node:h2')
  expect((await leases.renew(ask, 'system:node:h1')).confirmed).toEqual([])
  await leases.renew({ ...later, machines: [{ uid: 'a', epoch: 1 }] }, 'system:node:h2')
  expect((await leases.renew(ask, 'system:node:h1')).confirmed).toEqual(['a'])
})

it.each([
  ['was removed', null],
  ['has joined anew', 'second'],
])('what a host that %s said that it has does not count any more', async (_title, uid) => {
  const { leases, members } = table()
  const later = { ...ask, node: 'h2', machines: [{ uid: 'a', epoch: 3 }] }
  await leases.renew(later, 'system:node:h2')
  expect((await leases.renew(ask, 'system:node:h1')).confirmed).toEqual([])
  members.set('h2', uid)
  // It does not hide what a member says.
  await leases.renew({ ...later, node: 'h3' }, 'system:node:h3')
  expect((await leases.renew(ask, 'system:node:h1')).confirmed).toEqual([])
  await leases.renew({ ...later, node: 'h3', machines: [] }, 'system:node:h3')
  expect((await leases.renew(ask, 'system:node:h1')).confirmed).toEqual(['a'])
})

it('remembers when a host was last heard, tells it, and confirms what is its own', async () => {
  const { clock, leases } = table()
  const heard: Lease[] = []
  const unsubscribe = leases.onRenewal((lease) => heard.push(lease))
  await clock.advance(3_000)
  expect(leases.get('h1')).toBeNull()
  const machines = [...ask.machines, { uid: 'a', epoch: 1 }, { uid: 'b', epoch: 2 }]
  expect(await leases.renew({ ...ask, machines }, 'system:node:h1')).toEqual({
    leaseSeconds: 15,
    confirmed: ['a'],
    instance: 'me',
    term: 4,
    storageClasses: [{ name: 'dir', shared: false }],
  })
  expect(leases.get('h1')?.heardAt).toBe(3_000)
  expect(heard).toHaveLength(1)
  unsubscribe()
  await leases.renew(ask, 'system:node:h1')
  expect(heard).toHaveLength(1)
})

it.each([
  ["another host's", table(), { ...ask, node: 'h2' }, 'system:node:h1', /not the host h2/],
  ["a person's", table(), ask, 'admin', /admin is not the host h1/],
  ["a stranger's", table(), { ...ask, node: 'stranger' }, 'system:node:stranger', /no member/],
  ['a superseded scheduler gives none', table('superseded'), ask, 'system:node:h1', /no leases are given: superseded/],
  [
    'one that cannot be remembered',
    table(null, () => Promise.reject(new Error('the disk is full'))),
    ask,
    'system:node:h1',
    /the disk is full/,
  ],
] as const)('%s lease', async (_, { leases }, question, user, words) => {
  await expect(leases.renew(question, user)).rejects.toThrow(words)
  expect(leases.get(question.node)).toBeNull()
})

it('a question that was long on its way does not come after a later one, but that of a new boot does', async () => {
  const { leases } = table()
  await leases.renew(ask, 'system:node:h1')
  await expect(leases.renew({ ...ask, sentAt: 6_999 }, 'system:node:h1')).rejects.toThrow(/a later question/)
  await leases.renew({ ...ask, sentAt: 1, bootId: 'next' }, 'system:node:h1')
  expect(leases.get('h1')?.bootId).toBe('next')
})

it('no lease is given before what the host says is remembered', async () => {
  let keep = () => {}
  const kept = new Promise<void>((resolve) => {
    keep = resolve
  })
  const { clock, leases } = table(null, () => kept)
  const renewing = leases.renew(ask, 'system:node:h1')
  await clock.advance(2_000)
  expect(leases.get('h1')).toBeNull()
  keep()
  await renewing
  expect(leases.get('h1')?.heardAt).toBe(2_000)
})

it('a host that was removed and joins again was not heard yet', async () => {
  const { leases, members } = table()
  await leases.renew(ask, 'system:node:h1')
  members.set('h1', 'second')
  expect(leases.get('h1')).toBeNull()
  await leases.renew(ask, 'system:node:h1')
  expect(leases.get('h1')?.member).toBe('second')
})
