import { expect, it } from 'vitest'
import { migrationAddress } from '../../../../agent/host/addresses.ts'

it.each([
  ['what the configuration says', '10.0.0.9', ['10.0.0.1:8750'], ['192.168.1.1'], '10.0.0.9'],
  ['where the API listens', undefined, ['127.0.0.1:8750', '10.0.0.1:8750'], ['192.168.1.1'], '10.0.0.1'],
  ['where the API listens by IPv6', undefined, ['[::1]:8750', '[fd00::1]:8750'], [], 'fd00::1'],
  [
    'the first of the host, when the API listens everywhere',
    undefined,
    ['0.0.0.0:8750'],
    ['192.168.1.1'],
    '192.168.1.1',
  ],
  [
    'the first of the host, when the API listens on loopback',
    undefined,
    ['127.0.0.1:8750'],
    ['192.168.1.1'],
    '192.168.1.1',
  ],
])('machines come to %s', (_title, wanted, listen, addresses, expected) => {
  expect(migrationAddress(wanted, listen, addresses)).toBe(expected)
})

it('a host without an address takes none', () => {
  expect(() => migrationAddress(undefined, ['127.0.0.1:8750'], [])).toThrow(/migration\.address/)
})
