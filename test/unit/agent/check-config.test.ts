import { describe, expect, it } from 'vitest'
import { checkConfig } from '../../../agent/check-config.ts'
import { toConfig } from '../../../agent/config.ts'
import { ConfigError } from '../../../lib/server/config-error.ts'

describe('berth-agent --check-config', () => {
  it('takes the defaults', async () => {
    await expect(checkConfig(toConfig(null))).resolves.toBeUndefined()
  })

  const bad: [string, unknown, RegExp][] = [
    [
      'a port that there is not',
      { listen: ['127.0.0.1:70000'] },
      /^listen: 127\.0\.0\.1:70000 has a port above 65535$/,
    ],
    ['a subnet that is none', { network: { cidr: '10.0.0.300/24' } }, /^network\.cidr: 10\.0\.0\.300\/24 /],
    ['a subnet without room', { network: { cidr: '10.0.0.0/31' } }, /^network\.cidr: /],
    [
      'a certificate that is not there',
      { tls: { certFile: '/no/c', keyFile: '/no/k' } },
      /tls\.certFile \/no\/c cannot/,
    ],
    ['an authority that is none', { tls: { clientCaFile: '/dev/null' } }, /tls\.clientCaFile \/dev\/null holds no/],
  ]
  it.each(bad)('refuses %s and names the key', async (_title, document, message) => {
    const config = toConfig(document)
    await expect(checkConfig(config)).rejects.toThrow(ConfigError)
    await expect(checkConfig(config)).rejects.toThrow(message)
  })
})
