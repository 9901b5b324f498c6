import { expect, test } from 'vitest'
import type { KubeObject } from '../../../../../lib/object.ts'
import { redactObject, Secrets } from '../../../../../lib/server/debug/redact.ts'

const object = (kind: string, fields: object): KubeObject =>
  ({
    apiVersion: 'v1',
    kind,
    metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '', managedFields: [{ x: 'managed' }] },
    ...fields,
  }) as unknown as KubeObject

const base64 = (text: string) => Buffer.from(text).toString('base64')

test('a Secret shows its keys and no value; what it held is taken out of every other text, in each form', () => {
  const secrets = new Secrets()
  const shown = redactObject(
    object('Secret', {
      metadata: {
        name: 'a',
        uid: 'u',
        resourceVersion: '1',
        creationTimestamp: '',
        annotations: { note: 'annotated-secret' },
      },
      data: { password: base64('hunter2-hunter2\nsecond "line"') },
      stringData: { other: 'plain-plain' },
    }),
    secrets,
  )
  const text = JSON.stringify(shown)
  expect(text).toContain('"password":"(')
  expect(text).not.toMatch(/hunter2|plain-plain|annotated-secret/)
  const leak = [
    'a hunter2-hunter2 b',
    base64('hunter2-hunter2'),
    JSON.stringify('x second "line" y'),
    'plain-plain',
    'annotated-secret',
  ].join(' | ')
  expect(secrets.scrub(leak)).not.toMatch(/hunter2|aHVudGVyMi|second|plain-plain|annotated/)
  expect(secrets.scrub('nothing of it')).toBe('nothing of it')
})

test('user data, copies of objects, hashes of tokens and what is in ConfigMaps are left out', () => {
  const secrets = new Secrets()
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{"userData":"x"}', kept: 'yes' }
  const vm = redactObject(
    object('VirtualMachine', {
      metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '', annotations },
      spec: {
        cpu: { cores: 1 },
        provisioning: { type: 'UserData', userData: '#cloud-config\nchpasswd: {list: root:toor}' },
      },
    }),
    secrets,
  )
  expect(vm.spec).toMatchObject({ cpu: { cores: 1 }, provisioning: { type: 'UserData' } })
  expect(vm.metadata.annotations).toEqual({
    'kubectl.kubernetes.io/last-applied-configuration': '(left out)',
    kept: 'yes',
  })
  expect(secrets.scrub('step: chpasswd: {list: root:toor}')).toBe('step: (left out)')
  const token = redactObject(object('AccessToken', { spec: { user: 'ann', sha256: 'abcdef' } }), secrets)
  expect(token.spec).toEqual({ user: 'ann', sha256: '(left out)' })
  const map = redactObject(object('ConfigMap', { data: { key: 'in-a-config-map' } }), secrets)
  expect(JSON.stringify([vm, token, map])).not.toMatch(/chpasswd|abcdef|in-a-config-map|managed/)
})

test.each([
  ['https://ann:pa55@host/disk.qcow2', 'https://(left out)@host/disk.qcow2'],
  ['from "https://host/d?X-Sig=abc&e=1" failed', 'from "https://host/d?(left out)" failed'],
  ['authorization: Bearer abcdefgh1234', 'authorization: Bearer (left out)'],
  ['password=toor next', 'password=(left out) next'],
  ['{"token": "abc", "n": 1}', '{"token": (left out), "n": 1}'],
  ['-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nx', '(left out)\nx'],
  ['GET https://host/path of secret mission', 'GET https://host/path of secret mission'],
])('credentials are known by their form: %s', (text, clean) => {
  expect(new Secrets().scrub(text)).toBe(clean)
})

test('what a binding carries is shown as it is elsewhere', () => {
  const secrets = new Secrets()
  const carried = object('Secret', { data: { userData: base64('password: carried-along') } })
  const shown = redactObject(object('HostBinding', { spec: { epoch: 1 }, objects: [carried] }), secrets)
  expect(JSON.stringify(shown)).not.toMatch(/carried-along|Y2FycmllZ/)
  expect(secrets.scrub('saw password: carried-along')).toBe('saw (left out)')
})
