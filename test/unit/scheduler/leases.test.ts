import { expect, it } from 'vitest'
import { type Lease, LeaseTable } from '../../../scheduler/leases.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const ask = { node: 'h1', bootId: 'boot', machines: [{ uid: 'a', epoch: 2 }], evidence: [] }

function table(refusal: string | null = null) {
  const clock = new ManualClock()
  const leases = new LeaseTable({
    clock,
    ruler: () => ({ instance: 'me', term: 4 }),
    refusal: () => refusal,
    storageClasses: () => [{ name: 'dir', shared: false }],
    isMember: (node) => node !== 'stranger',
    owns: (node, { uid, epoch }) => node === 'h1' && uid === 'a' && epoch === 2,
  })
  return { clock, leases }
}

it('remembers when a host was last heard, tells it, and confirms what is its own', async () => {
  const { clock, leases } = table()
  const heard: Lease[] = []
  const unsubscribe = leases.onRenewal((lease) => heard.push(lease))
  await clock.advance(3_000)
  expect(leases.get('h1')).toBeNull()
  const machines = [...ask.machines, { uid: 'a', epoch: 1 }, { uid: 'b', epoch: 2 }]
  expect(leases.renew({ ...ask, machines }, 'system:node:h1')).toEqual({
    leaseSeconds: 15,
    confirmed: ['a'],
    instance: 'me',
    term: 4,
    storageClasses: [{ name: 'dir', shared: false }],
  })
  expect(leases.get('h1')?.heardAt).toBe(3_000)
  expect(heard).toHaveLength(1)
  unsubscribe()
  leases.renew(ask, 'system:node:h1')
  expect(heard).toHaveLength(1)
  leases.forget('h1')
  expect(leases.get('h1')).toBeNull()
})

it.each([
  ["another host's", table(), { ...ask, node: 'h2' }, 'system:node:h1', /not the host h2/],
  ["a person's", table(), ask, 'admin', /admin is not the host h1/],
  ["a stranger's", table(), { ...ask, node: 'stranger' }, 'system:node:stranger', /no member/],
  ['a superseded scheduler gives none', table('superseded'), ask, 'system:node:h1', /no leases are given: superseded/],
] as const)('%s lease', (_, { leases }, question, user, words) => {
  expect(() => leases.renew(question, user)).toThrow(words)
  expect(leases.get(question.node)).toBeNull()
})
