import { describe, expect, it } from 'vitest'
import { carriedProblem } from '../../../../agent/network/carried.ts'
import { holdersOf } from '../../../../agent/network/leases.ts'
import { reservationsIn } from '../../../../agent/network/reservations.ts'

const network = { cidr: '10.88.0.0/24', gateway: '10.88.0.1' }
const mac = '02:00:00:00:00:01'
const facts = { mac, network, address: '10.88.0.7', holders: new Map<string, string>() }

describe('an address with which a guest came', () => {
  it.each([
    ['free', facts, null],
    ['its own already', { ...facts, holders: new Map([['10.88.0.7', mac]]) }, null],
    ['of another subnet', { ...facts, address: '10.89.0.7' }, /not of this host's network 10\.88\.0\.0\/24/],
    ["the host's own", { ...facts, address: '10.88.0.1' }, /not of this host's network/],
    [
      'taken',
      { ...facts, holders: new Map([['10.88.0.7', '02:00:00:00:00:02']]) },
      /another guest has here \(02:.*:02\)/,
    ],
  ])('%s', (_, given, words) => {
    const problem = carriedProblem(given)
    if (words === null) expect(problem).toBe(null)
    else expect(problem).toMatch(words)
  })
})

it('a lease that has ended holds nothing', () => {
  const lease = (ipaddr: string, expirytime: bigint) => ({ mac: mac.toUpperCase(), ipaddr, expirytime, type: 0 })
  const holders = holdersOf([lease('10.88.0.7', 10n), lease('10.88.0.8', 20n)], 15_000)
  expect([...holders]).toEqual([['10.88.0.8', mac]])
})

it('reservations are read from the definition', () => {
  const xml = `<network><name>x</name><ip address='10.88.0.1' netmask='255.255.255.0'><dhcp>
    <range start='10.88.0.2' end='10.88.0.254'/><host mac='02:00:00:00:00:AA' ip='10.88.0.9'/><host name='x' ip='10.88.0.3'/>
    </dhcp></ip></network>`
  expect([...reservationsIn(xml)]).toEqual([['02:00:00:00:00:aa', '10.88.0.9']])
  expect(reservationsIn('<network><ip address="10.0.0.1"/></network>').size).toBe(0)
})
