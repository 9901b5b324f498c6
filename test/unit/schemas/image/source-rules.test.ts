import { describe, expect, it } from 'vitest'
import {
  caBundleIsPem,
  checksumIsBuilt,
  containerImageTakesOnlyContainerImage,
  httpTakesOnlyHttp,
  objectRefTakesOnlyObjectRef,
  sourceHasType,
  sourceProblems,
  sourceTypeIsBuilt,
  uploadTakesOnlyUpload,
  urlIsComplete,
} from '../../../../schemas/image/source-rules.ts'
import type { DataSource } from '../../../../schemas/index.ts'
import { checkRules } from '../expect.ts'

const http = { url: 'https://example.org/d.qcow2' }
const containerImage = { image: 'example.org/a/b:1' }
const objectRef = { kind: 'VirtualImage', name: 'a' }
const upload = {}
const AT = 'spec.dataSource'
const builtWords = /is not built yet in Berth$/

/** A self-signed certificate of nobody. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUN4S/6gvoO898/F8ADxmaWgak0d0wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMyMzU3NThaGA8yMTI2MTAzMDIzNTc1
OFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABH9T
kDQtlkrd7gbVF9wrEmHxBRu6Tgt0iOPvJlVJeKmePHcZngFPocE9hcu47sqZ0iju
80hIakXxVUCe1ZorWGejUzBRMB0GA1UdDgQWBBQDMGXVOqk98a7krwbUuuFhy/ae
+TAfBgNVHSMEGDAWgBQDMGXVOqk98a7krwbUuuFhy/ae+TAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQCm4Uc4SeO+KBFzHtHg3JkPDjdoFEXxwv5d
sf9+4EAHUwIgBDFufMbcxtFECAQz+OkKZjpLvxS+LIqRaF+6SjeBb28=
-----END CERTIFICATE-----
`
/** The form of a certificate around nonsense. */
const NONSENSE = '-----BEGIN CERTIFICATE-----\nMIIBfTCC\n-----END CERTIFICATE-----\n'
const base64 = (text: string) => Buffer.from(text).toString('base64')
const bundle = (caBundle: string): DataSource => ({ type: 'HTTP', http: { ...http, caBundle } })

checkRules<DataSource>([
  {
    rule: sourceHasType,
    good: [[{ type: 'HTTP' }]],
    bad: [
      [{}, `${AT}.type`, /must be one of HTTP, ContainerImage, ObjectRef, Upload/],
      [{ http }, `${AT}.type`, /must be one of/],
    ],
  },
  {
    rule: httpTakesOnlyHttp,
    good: [[{ type: 'HTTP', http }], [{ type: 'Upload' }]],
    bad: [
      [{ type: 'HTTP' }, `${AT}.http`, /type HTTP requires the field http/],
      [{ type: 'HTTP', http, containerImage }, `${AT}.containerImage`, /cannot have the field containerImage/],
      [{ type: 'HTTP', http, objectRef }, `${AT}.objectRef`, /cannot have/],
      [{ type: 'HTTP', http, upload }, `${AT}.upload`, /cannot have/],
    ],
  },
  {
    rule: containerImageTakesOnlyContainerImage,
    good: [[{ type: 'ContainerImage', containerImage }], [{ type: 'HTTP' }]],
    bad: [
      [{ type: 'ContainerImage' }, `${AT}.containerImage`, /requires the field/],
      [{ type: 'ContainerImage', containerImage, http }, `${AT}.http`, /cannot have/],
      [{ type: 'ContainerImage', containerImage, objectRef }, `${AT}.objectRef`, /cannot have/],
      [{ type: 'ContainerImage', containerImage, upload }, `${AT}.upload`, /cannot have/],
    ],
  },
  {
    rule: objectRefTakesOnlyObjectRef,
    good: [[{ type: 'ObjectRef', objectRef }], [{ type: 'HTTP' }]],
    bad: [
      [{ type: 'ObjectRef' }, `${AT}.objectRef`, /requires the field/],
      [{ type: 'ObjectRef', objectRef, http }, `${AT}.http`, /cannot have/],
      [{ type: 'ObjectRef', objectRef, containerImage }, `${AT}.containerImage`, /cannot have/],
      [{ type: 'ObjectRef', objectRef, upload }, `${AT}.upload`, /cannot have/],
    ],
  },
  {
    rule: uploadTakesOnlyUpload,
    good: [[{ type: 'Upload' }], [{ type: 'Upload', upload }], [{ type: 'HTTP' }]],
    bad: [
      [{ type: 'Upload', http }, `${AT}.http`, /cannot have/],
      [{ type: 'Upload', containerImage }, `${AT}.containerImage`, /cannot have/],
      [{ type: 'Upload', objectRef }, `${AT}.objectRef`, /cannot have/],
    ],
  },
  {
    rule: urlIsComplete,
    good: [[{ type: 'HTTP', http }], [{ type: 'HTTP', http: { url: 'http://[::1]:80/x' } }], [{ type: 'Upload' }]],
    bad: ['http://[', 'http://:80/x', 'https://a:99999/'].map((url) => [
      { type: 'HTTP', http: { url } },
      `${AT}.http.url`,
      /complete URL/,
    ]),
  },
  {
    rule: caBundleIsPem,
    good: [
      [{ type: 'HTTP', http }],
      [bundle('')],
      [bundle(base64(CERTIFICATE))],
      [bundle(base64(CERTIFICATE.repeat(2)))],
    ],
    bad: [
      'not base64!',
      base64('hello'),
      base64(NONSENSE),
      base64(CERTIFICATE + NONSENSE),
      '====',
      `${' '.repeat(100_000)}!`,
    ].map((text) => [bundle(text), `${AT}.http.caBundle`, /base64 of certificates in PEM/]),
  },
  {
    rule: checksumIsBuilt,
    good: [[{ type: 'HTTP', http: { ...http, checksum: { sha256: '0'.repeat(64) } } }]],
    bad: (['streebog256', 'streebog512'] as const).map((name) => [
      { type: 'HTTP', http: { ...http, checksum: { [name]: '00' } } },
      `${AT}.http.checksum.${name}`,
      builtWords,
    ]),
  },
  {
    rule: sourceTypeIsBuilt,
    good: [[{ type: 'HTTP' }], [{ type: 'ObjectRef' }]],
    bad: [
      [{ type: 'Upload' }, `${AT}.type`, builtWords],
      [{ type: 'ContainerImage' }, `${AT}.type`, builtWords],
    ],
  },
])

describe('sourceProblems', () => {
  it('says nothing of a source that is not there', () => expect(sourceProblems(undefined)).toEqual([]))
  it('says all that is wrong', () =>
    expect(sourceProblems({ type: 'HTTP', objectRef }).map(({ path }) => path)).toEqual([
      `${AT}.http`,
      `${AT}.objectRef`,
    ]))
})
