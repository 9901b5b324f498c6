// A connection that is opened ahead of its use.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { LibvirtPool } from '../../../../lib/libvirt/pool.ts'
import { domain } from './bytes.ts'
import { FakeLibvirtd } from './fake-libvirtd.ts'
import { ManualClock, turn, until } from './manual-clock.ts'

const LOOKUP = 23

let fake: FakeLibvirtd
let clock: ManualClock
let pool: LibvirtPool

beforeEach(async () => {
  fake = await FakeLibvirtd.start()
  clock = new ManualClock()
  pool = new LibvirtPool({ socketPath: fake.socketPath, uri: 'test:///default', clock })
})
afterEach(async () => {
  await pool.close()
  await fake.stop()
})

const settled = async () => {
  for (let turns = 0; turns < 50; turns++) await turn()
}
const warmed = async () => {
  await pool.connect()
  pool.warm()
  pool.warm()
  await until(() => fake.accepted === 2)
  await settled()
}

it('is the next dedicated one; the one after it is opened when it is asked for', async () => {
  await warmed()
  const first = await pool.dedicated()
  expect(fake.accepted).toBe(2)
  fake.on(LOOKUP, (call) => call.reply(domain('x', 1)))
  expect(await first.call('DomainLookupByName', { name: 'x' })).toMatchObject({ dom: { name: 'x' } })
  await pool.dedicated()
  expect(fake.accepted).toBe(3)
  // Whoever has it keeps it.
  await clock.advance(10_000)
  expect(await first.call('DomainLookupByName', { name: 'x' })).toMatchObject({ dom: { name: 'x' } })
})

it('is closed when nobody wants it for 10 s, and then opened like any other', async () => {
  await warmed()
  expect(fake.sessions).toHaveLength(2)
  await clock.advance(9_999)
  expect(fake.sessions).toHaveLength(2)
  await clock.advance(1)
  await until(() => fake.sessions.length === 1)
  await pool.dedicated()
  expect(fake.accepted).toBe(3)
})

it('is not given to anybody when libvirt has ended it meanwhile', async () => {
  await warmed()
  fake.sessions.at(-1)?.socket.destroy()
  await settled()
  const later = await pool.dedicated()
  fake.on(LOOKUP, (call) => call.reply(domain('x', 1)))
  expect(await later.call('DomainLookupByName', { name: 'x' })).toMatchObject({ dom: { name: 'x' } })
})

it('that cannot be opened is nobody’s fault: who needs one hears why', async () => {
  await pool.connect()
  await fake.crash({ listening: false })
  pool.warm()
  await settled()
  await expect(pool.dedicated()).rejects.toMatchObject({ name: 'ConnectionLost' })
})
