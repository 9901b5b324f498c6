// Words of the command line that end up in the command lines of other programs.
import { describe, expect, it } from 'vitest'
import { parseCopy, parsePlace, parsePort, parseUserAt } from '../../../cli/streams/target.ts'
import { UsageError } from '../../../cli/usage.ts'

it.each([
  ['web', { name: 'web' }],
  ['web-1.shop', { name: 'web-1', namespace: 'shop' }],
])('%s is a place', (word, place) => expect(parsePlace(word)).toEqual(place))

it.each([
  '',
  '.',
  'web.',
  '.shop',
  'a.b.c',
  'Web',
  '-web',
  'web-',
  'web;id',
  'web$(id)',
  "web'",
  'we b',
  'x'.repeat(64),
])('%j is no place', (word) => expect(() => parsePlace(word)).toThrow(UsageError))

it.each([
  ['web', { name: 'web' }],
  ['root@web.shop', { name: 'web', namespace: 'shop', user: 'root' }],
  ['SHOP\\anna@web', { name: 'web', user: 'SHOP\\anna' }],
  ['anna@shop.example@web', { name: 'web', user: 'anna@shop.example' }],
])('%s is a user at a place', (word, user) => expect(parseUserAt(word)).toEqual(user))

it.each([
  '@web',
  '-oProxyCommand=id@web',
  'a b@web',
  '$(id)@web',
  '`id`@web',
  'a;id@web',
  "a'b@web",
  'root@',
  'a\nb@web',
])('%j is no user at a place', (word) => expect(() => parseUserAt(word)).toThrow(UsageError))

it.each([
  ['80', { protocol: 'tcp', local: 80, target: 80 }],
  ['8080:80', { protocol: 'tcp', local: 8080, target: 80 }],
  ['udp/53', { protocol: 'udp', local: 53, target: 53 }],
  ['tcp/0:22', { protocol: 'tcp', local: 0, target: 22 }],
  ['65535', { protocol: 'tcp', local: 65_535, target: 65_535 }],
])('%s is a port', (word, port) => expect(parsePort(word)).toEqual(port))

it.each(['', ':80', '80:', '0', '80:0', '65536', '1:65536', 'sctp/80', 'tcp/', '80:80:80', '-1', '8O', '80/tcp'])(
  '%j is no port',
  (word) => expect(() => parsePort(word)).toThrow(UsageError),
)

describe('what scp copies', () => {
  it.each([
    ['a', 'web:', { toRemote: true, local: 'a', remote: { name: 'web' }, path: '' }],
    [
      'root@web.shop:/etc/x:y',
      '.',
      { toRemote: false, local: '.', remote: { name: 'web', namespace: 'shop', user: 'root' }, path: '/etc/x:y' },
    ],
    ['./a:b', 'web:c', { toRemote: true, local: './a:b', remote: { name: 'web' }, path: 'c' }],
  ])('%s to %s', (from, to, copy) => expect(parseCopy(from, to)).toEqual(copy))

  it.each([
    ['a', 'b'],
    ['web:a', 'db:b'],
    ['', 'web:a'],
    ['a', '-x:b'],
    ['a', 'WEB:b'],
  ])('%j to %j is refused', (from, to) => expect(() => parseCopy(from, to)).toThrow(UsageError))
})
