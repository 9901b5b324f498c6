// Requests at random: objects made of the schemas, valid ones with a few fields changed, patches, selectors, queries, stream handshakes.
import fc from 'fast-check'
import { KINDS, type KindDef } from '../../../../schemas/index.ts'
import { changed, fromSchema, jsonPatch, metadataOf, oddText, query, selector } from '../../../support/arbitraries.ts'
import type { Sent } from './send.ts'

const NAMES = ['f0', 'f1', 'f2']
const STREAMS = '/apis/subresources.virtualization.deckhouse.io/v1alpha2/namespaces/default/virtualmachines'

const HTTP = { type: 'HTTP', http: { url: 'http://images.invalid/disk.qcow2' } }
/** Valid objects, by the resource of their kind; the others are valid when empty, or never. */
const BASES: Readonly<Record<string, object>> = {
  secrets: { data: { a: 'YQ==' } },
  configmaps: { data: { a: 'b' } },
  events: { involvedObject: { kind: 'VirtualMachine', name: 'f0', namespace: 'default' }, reason: 'Tested' },
  'storageclasses.storage.k8s.io': { provisioner: 'berth/dir' },
  'virtualmachines.virtualization.deckhouse.io': {
    spec: {
      virtualMachineClassName: 'generic',
      cpu: { cores: 1 },
      memory: { size: '64Mi' },
      blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'disk' }],
    },
  },
  'virtualdisks.virtualization.deckhouse.io': { spec: { persistentVolumeClaim: { size: '16Mi' } } },
  'virtualimages.virtualization.deckhouse.io': { spec: { storage: 'ContainerRegistry', dataSource: HTTP } },
  'clustervirtualimages.virtualization.deckhouse.io': { spec: { dataSource: HTTP } },
  'virtualmachineoperations.virtualization.deckhouse.io': { spec: { type: 'Stop', virtualMachineName: 'f0' } },
  'virtualmachineclasses.virtualization.deckhouse.io': { spec: { cpu: { type: 'Model', model: 'Nehalem' } } },
}

export const collectionOf = (kind: KindDef, version: string): string => {
  const group = kind.group === '' ? `/api/${version}` : `/apis/${kind.group}/${version}`
  return `${group}/${kind.namespaced ? 'namespaces/default/' : ''}${kind.plural}`
}

const search = (given: Record<string, string>): string => {
  const text = new URLSearchParams(given).toString()
  return text === '' ? '' : `?${text}`
}

const PATCH_TYPES = [
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'text/plain',
]

/** Requests about one kind in one version. */
function requestsAbout(kind: KindDef, { name: version, schema }: KindDef['versions'][number]): fc.Arbitrary<Sent> {
  const url = collectionOf(kind, version)
  const fields = fc.oneof(
    { weight: 4, arbitrary: changed(BASES[kind.resource] ?? {}, schema) },
    { weight: 1, arbitrary: fromSchema(schema, 20) },
  )
  const object = fc
    .tuple(fields, metadataOf(NAMES))
    .map(([value, metadata]) =>
      JSON.stringify(typeof value === 'object' && !Array.isArray(value) ? { ...value, metadata } : value),
    )
  const item = fc
    .tuple(fc.constantFrom(...NAMES), fc.constantFrom('', '', '', '/status'), query)
    .map(([name, part, given]) => `${url}/${name}${part}${search(given)}`)
  const listing = fc.tuple(query, fc.boolean()).map(([given, watch]) => {
    const more = watch ? { watch: 'true', timeoutSeconds: '1' } : {}
    return { method: 'GET', path: `${url}${search({ ...given, ...more })}` }
  })
  const patch = fc
    .tuple(item, object, fc.constantFrom(...PATCH_TYPES))
    .map(([path, body, type]) => ({ method: 'PATCH', path, body, type }))
  const apiVersion = kind.group === '' ? version : `${kind.group}/${version}`
  const applied = fc
    .tuple(fc.constantFrom(...NAMES), fields, fc.constantFrom('one', 'two'), fc.constantFrom('', '&force=true'))
    .map(([name, value, manager, force]) => ({
      method: 'PATCH',
      path: `${url}/${name}?fieldManager=${manager}${force}`,
      type: 'application/apply-patch+yaml',
      body: JSON.stringify({ ...(value as object), apiVersion, kind: kind.kind, metadata: { name } }),
    }))
  const operations = fc
    .tuple(item, jsonPatch)
    .map(([path, list]) => ({ method: 'PATCH', path, body: JSON.stringify(list), type: 'application/json-patch+json' }))
  const text = fc
    .tuple(item, fc.string({ maxLength: 60 }), fc.constantFrom('application/yaml', 'application/json'))
    .map(([path, body, type]) => ({ method: 'PUT', path, body, type }))
  const create = fc
    .tuple(object, query)
    .map(([body, given]) => ({ method: 'POST', path: `${url}${search(given)}`, body }))
  const options = fc
    .tuple(item, fc.jsonValue({ maxDepth: 2 }))
    .map(([path, value]) => ({ method: 'DELETE', path, body: JSON.stringify(value) }))
  const many = selector.map((labelSelector) => {
    const path = `${url}${search({ labelSelector, fieldSelector: 'metadata.name=f2' })}`
    return { method: 'DELETE', path }
  })
  return fc.oneof(
    { weight: 4, arbitrary: create },
    { weight: 4, arbitrary: object.map((body) => ({ method: 'POST', path: url, body })) },
    { weight: 3, arbitrary: fc.tuple(item, object).map(([path, body]) => ({ method: 'PUT', path, body })) },
    { weight: 3, arbitrary: patch },
    { weight: 4, arbitrary: applied },
    { weight: 3, arbitrary: operations },
    { weight: 2, arbitrary: item.map((path) => ({ method: 'GET', path })) },
    { weight: 3, arbitrary: listing },
    { weight: 1, arbitrary: options },
    { weight: 1, arbitrary: item.map((path) => ({ method: 'DELETE', path })) },
    { weight: 1, arbitrary: many },
    { weight: 1, arbitrary: text },
  )
}

const printable = /^[\x21-\x7e]+$/
/** Streams, odd paths, odd headers. */
const besides = fc.oneof(
  fc
    .record({
      name: fc.constantFrom(...NAMES, 'none'),
      stream: fc.constantFrom('console', 'vnc', 'portforward', 'status', 'x'),
      given: query,
      upgrade: fc.constantFrom('websocket', 'h2c', 'x'),
      version: fc.constantFrom('13', '8', ''),
      key: fc.constantFrom('dGhlIHNhbXBsZSBub25jZQ==', '', 'x', 'x'.repeat(2_000)),
      protocol: fc.constantFrom('', 'plain.kubevirt.io', 'a,b', ',,,'),
    })
    .map(({ name, stream, given, upgrade, version, key, protocol }) => ({
      method: 'GET',
      path: `${STREAMS}/${name}/${stream}${search(given)}`,
      headers: {
        connection: 'Upgrade',
        upgrade,
        'sec-websocket-version': version,
        'sec-websocket-key': key,
        'sec-websocket-protocol': protocol,
      },
    })),
  fc
    .tuple(
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE'),
      fc.array(
        fc.oneof(oddText, fc.constantFrom('api', 'apis', 'v1', 'namespaces', 'default', 'openapi', 'v3', 'secrets')),
        { maxLength: 6 },
      ),
    )
    .map(([method, parts]) => {
      const path = `/${parts.join('/')}`.slice(0, 3_000)
      return { method, path: printable.test(path) ? path : encodeURI(path.replaceAll(/[\ud800-\udfff]/gu, '?')) }
    }),
  fc
    .tuple(
      fc.constantFrom(
        'accept',
        'content-type',
        'authorization',
        'origin',
        'host',
        'impersonate-user',
        'content-encoding',
      ),
      fc.constantFrom(
        '',
        'x',
        '*/*;q=x',
        'application/json;as=Table;v=v9',
        'text/html',
        ';;;',
        'Bearer x',
        'null',
        'gzip',
      ),
    )
    .map(([name, value]) => ({ method: 'GET', path: '/api/v1/namespaces', headers: { [name]: value } })),
)

/** Any request. */
export const anyRequest: fc.Arbitrary<Sent> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.oneof(...KINDS.flatMap((kind) => kind.versions.map((version) => requestsAbout(kind, version)))),
  },
  { weight: 1, arbitrary: besides },
)
