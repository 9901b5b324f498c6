import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { KubeconfigError, loadKubeconfig } from '../../../../lib/client/kubeconfig.ts'

const PEM = '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n'
const base64 = (text: string) => Buffer.from(text).toString('base64')

const config = (more: { cluster?: object; user?: object; context?: object; top?: object } = {}) => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: 'c',
      cluster: { server: 'https://10.0.0.1:8750', 'certificate-authority-data': base64(PEM), ...more.cluster },
    },
  ],
  users: [{ name: 'u', user: { token: 'secret-token', ...more.user } }],
  contexts: [
    { name: 'main', context: { cluster: 'c', user: 'u', ...more.context } },
    { name: 'second', context: { cluster: 'c', user: 'u', namespace: 'lab' } },
  ],
  'current-context': 'main',
  ...more.top,
})

const files = (entries: Readonly<Record<string, string>>) => async (path: string) => {
  const text = entries[path]
  if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  return text
}

const load = (value: object, context?: string, more: Readonly<Record<string, string>> = {}) =>
  loadKubeconfig('/etc/kube/config', context, files({ '/etc/kube/config': stringify(value), ...more }))

describe('a kubeconfig', () => {
  it('gives address, trust, token and namespace of its current context', async () => {
    expect(await load(config())).toEqual({
      label: 'https://10.0.0.1:8750',
      origin: 'https://10.0.0.1:8750',
      prefix: '',
      tls: { ca: PEM },
      token: 'secret-token',
      namespace: 'default',
    })
  })

  it('gives those of another context', async () => {
    expect((await load(config(), 'second')).namespace).toBe('lab')
  })

  it('reads files relative to its own folder', async () => {
    const value = config({
      cluster: {
        'certificate-authority-data': undefined,
        'certificate-authority': 'ca.pem',
        server: 'https://h/base/',
        'tls-server-name': 'agent',
      },
      user: { token: undefined, tokenFile: '/abs/token', 'client-certificate': 'c.pem', 'client-key': 'k.pem' },
    })
    const more = { '/etc/kube/ca.pem': 'CA', '/etc/kube/c.pem': 'CERT', '/etc/kube/k.pem': 'KEY', '/abs/token': 't\n' }
    expect(await load(value, undefined, more)).toMatchObject({
      origin: 'https://h',
      prefix: '/base',
      tls: { ca: 'CA', cert: 'CERT', key: 'KEY', servername: 'agent' },
      token: 't',
    })
  })

  it.each([
    ['no current context', config({ top: { 'current-context': undefined } }), 'current-context is not set'],
    ['an unknown context', config({ top: { 'current-context': 'x' } }), 'contexts has no "x"'],
    ['an unknown cluster', config({ context: { cluster: 'x' } }), 'clusters has no "x"'],
    ['an unknown user', config({ context: { user: 'x' } }), 'users has no "x"'],
    ['a token in clear', config({ cluster: { server: 'http://h' } }), 'must be an https URL'],
    ['no server', config({ cluster: { server: '' } }), 'has no server'],
    ['no URL', config({ cluster: { server: 'h:8750:1' } }), 'https URL'],
    [
      'no verification',
      config({ cluster: { 'insecure-skip-tls-verify': true } }),
      'insecure-skip-tls-verify is not supported',
    ],
    ['a proxy', config({ cluster: { 'proxy-url': 'http://p' } }), 'proxy-url is not supported'],
    ['a program', config({ user: { exec: { command: 'x' } } }), 'exec is not supported'],
    ['a password', config({ user: { username: 'a', password: 'b' } }), 'username is not supported'],
    [
      'a damaged authority',
      config({ cluster: { 'certificate-authority-data': 'AAAA' } }),
      'certificate-authority-data is not base64',
    ],
    [
      'a missing file',
      config({ user: { token: undefined, tokenFile: 'none' } }),
      'tokenFile none cannot be read (ENOENT)',
    ],
    ['a list for a text', config({ user: { token: ['a'] } }), 'token is not a string'],
  ])('with %s is refused by name', async (_, value, words) => {
    const error = await load(value).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(KubeconfigError)
    expect(String(error)).toContain('kubeconfig /etc/kube/config: ')
    expect(String(error)).toContain(words)
    expect(String(error)).not.toContain('secret-token')
  })

  it('that is not YAML, or not there, says so without its content', async () => {
    const damaged = files({ '/k': 'token: [secret-token' })
    await expect(loadKubeconfig('/k', undefined, damaged)).rejects.toThrow(/^kubeconfig \/k: is not YAML \(\S+\)$/)
    await expect(loadKubeconfig('/none', undefined, damaged)).rejects.toThrow(
      'kubeconfig /none: cannot be read (ENOENT)',
    )
  })
})
