// Under which address others find an agent.
import { expect, it } from 'vitest'
import { ownUrl } from '../../../../agent/membership/own-url.ts'

it.each([
  [['127.0.0.1:8750', '10.0.0.1:8750'], '10.0.0.1', 'https://10.0.0.1:8750', ['10.0.0.1']],
  [['10.0.0.1:8750', '10.0.1.1:8760'], '10.0.1.1', 'https://10.0.1.1:8760', ['10.0.1.1', '10.0.0.1']],
  [['127.0.0.1:8750', '10.0.0.1:8750'], '192.168.0.1', 'https://10.0.0.1:8750', ['10.0.0.1']],
  [['0.0.0.0:8750'], '10.0.0.7', 'https://10.0.0.7:8750', ['10.0.0.7']],
  [['[::]:8750'], '::ffff:10.0.0.7', 'https://10.0.0.7:8750', ['10.0.0.7']],
  [['[::]:8750'], 'fd00::7', 'https://[fd00::7]:8750', ['fd00::7']],
  [['127.0.0.1:8750'], '127.0.0.1', 'https://127.0.0.1:8750', ['127.0.0.1']],
])('%j, to the scheduler as %s', (listen, local, url, addresses) => {
  expect(ownUrl(listen, local)).toEqual({ url, addresses })
})

it.each([
  [['127.0.0.1:8750'], '10.0.0.1', /listens on 127\.0\.0\.1:8750 only, .* add "10\.0\.0\.1:8750" to `listen`/],
  [[], '10.0.0.1', /listens on no address only/],
])('cannot be found: %j as %s', (listen, local, words) => {
  expect(() => ownUrl(listen, local)).toThrow(words)
})
