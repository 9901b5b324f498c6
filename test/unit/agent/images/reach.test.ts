import { describe, expect, it } from 'vitest'
import { parseUrl, reach, shown } from '../../../../agent/images/reach.ts'

const names = (...addresses: string[]) => ({ resolve: async () => addresses, own: () => ['192.0.2.7'] })
const never = new AbortController().signal
const go = (url: string, allow: readonly string[], ...addresses: string[]) =>
  reach(new URL(url), allow, names(...addresses), never)

describe('reach', () => {
  it('keeps the open addresses of a name and leaves the closed ones out', async () => {
    expect((await go('http://a.example/x', [], '127.0.0.1', '198.51.100.1', '::1')).addresses).toEqual(['198.51.100.1'])
  })

  it('refuses a name whose addresses are all closed, and says what would allow it', async () => {
    await expect(go('http://a.example/x', [], '192.0.2.7')).rejects.toThrow(
      'a.example (192.0.2.7) is an address of this host: downloads from there are not allowed unless importer.allow lists 192.0.2.7:80',
    )
    await expect(go('https://[::1]/x', [])).rejects.toThrow('unless importer.allow lists [::1]:443')
  })

  const allowed = [
    ['http://127.0.0.1:8080/x', '127.0.0.1:8080'],
    ['http://127.0.0.1/x', '127.0.0.1:80'],
    ['https://127.0.0.1/x', '127.0.0.1:443'],
    ['http://0x7f.1:8080/x', '127.0.0.1:8080'],
    ['http://localhost:8080/x', 'localhost:8080'],
    ['http://LocalHost:8080/x', 'LOCALHOST:8080'],
    ['http://localhost:8080/x', '127.0.0.1:8080'],
    ['http://[::1]:8080/x', '[::1]:8080'],
    ['http://[::1]:8080/x', '[0:0::1]:8080'],
    ['http://[::1]:8080/x', '::1:8080'],
  ] as const
  for (const [url, entry] of allowed) {
    it(`${url} is let through by ${entry}`, async () => {
      expect((await go(url, [entry], '127.0.0.1')).addresses).toHaveLength(1)
    })
  }

  for (const [url, entry] of [
    ['http://127.0.0.1:8081/x', '127.0.0.1:8080'],
    ['http://127.0.0.2:8080/x', '127.0.0.1:8080'],
    ['http://localhost:8081/x', 'localhost:8080'],
    ['http://evil.example:8080/x', 'localhost:8080'],
  ] as const) {
    it(`${url} is not let through by ${entry}`, async () => {
      await expect(go(url, [entry], '127.0.0.2')).rejects.toThrow(/loopback/)
    })
  }

  it('a name that does not resolve, or to nothing, may do so later', async () => {
    const broken = { resolve: () => Promise.reject(new Error('ENOTFOUND')), own: () => [] }
    const url = new URL('http://a.example/')
    await expect(reach(url, [], broken, never)).rejects.toMatchObject({
      fault: 'transport',
      message: /a.example could not be/,
    })
    await expect(go('http://a.example/', [])).rejects.toMatchObject({ fault: 'transport' })
  })

  it('a resolver that hangs ends with the signal', async () => {
    const hanging = { resolve: () => new Promise<string[]>(() => {}), own: () => [] }
    const signal = AbortSignal.timeout(20)
    await expect(reach(new URL('http://a.example/'), [], hanging, signal)).rejects.toMatchObject({
      name: 'TimeoutError',
    })
  })
})

describe('URLs', () => {
  it('takes http and https only', () => {
    expect(parseUrl('HTTPS://a.example/x').protocol).toBe('https:')
    expect(() => parseUrl('ftp://a.example/')).toThrow('only http and https URLs can be downloaded, not ftp')
    expect(() => parseUrl('file:///etc/passwd')).toThrow(/not file/)
    expect(() => parseUrl('http://')).toThrow('the URL is not valid')
    expect(parseUrl('../y', new URL('http://a.example/z/x')).href).toBe('http://a.example/y')
  })

  it('shows them without what may be secret', () => {
    expect(shown(new URL('https://bob:pw@a.example:8443/p/x.img?token=1#f'))).toBe('https://a.example:8443/p/x.img')
  })
})
