// Rules of `spec.dataSource`, shared by disks and images: DVP's four CEL rules, and what is built.
import { X509Certificate } from 'node:crypto'
import type { FieldError } from '../../lib/errors.ts'
import { forbidden, invalid, notBuilt, required, when } from '../errors.ts'
import type { Checksum, DataSource } from './source.ts'

const PATH = 'spec.dataSource'
const FIELDS = { HTTP: 'http', ContainerImage: 'containerImage', ObjectRef: 'objectRef', Upload: 'upload' } as const

type SourceType = keyof typeof FIELDS
type Check = (source: DataSource) => readonly FieldError[]

/** DVP reads the type in every rule of a source, so one without it never passes. */
export const sourceHasType: Check = (source) =>
  when(source.type === undefined, () => required(`${PATH}.type`, `must be one of ${Object.keys(FIELDS).join(', ')}`))

/** A type takes its own field, which is required but for Upload, and none of the others. */
const takesOnly =
  (type: SourceType): Check =>
  (source) => {
    if (source.type !== type) return []
    const own = FIELDS[type]
    const others = Object.values(FIELDS).filter((field) => field !== own && source[field] !== undefined)
    return [
      ...when(type !== 'Upload' && source[own] === undefined, () =>
        required(`${PATH}.${own}`, `the type ${type} requires the field ${own}`),
      ),
      ...others.map((field) => forbidden(`${PATH}.${field}`, `the type ${type} cannot have the field ${field}`)),
    ]
  }

export const httpTakesOnlyHttp = takesOnly('HTTP')
export const containerImageTakesOnlyContainerImage = takesOnly('ContainerImage')
export const objectRefTakesOnlyObjectRef = takesOnly('ObjectRef')
export const uploadTakesOnlyUpload = takesOnly('Upload')

/** The pattern lets through texts that are no URL, such as `http://[`. */
export const urlIsComplete: Check = ({ http }) =>
  when(http !== undefined && !URL.canParse(http.url), () =>
    invalid(`${PATH}.http.url`, 'must be a complete URL with a host, such as https://example.org/disk.qcow2'),
  )

/** The bundle must be certificates: a wrong one would only show as a TLS error during the download. */
export const caBundleIsPem: Check = ({ http }) =>
  when(http?.caBundle !== undefined && http.caBundle !== '' && !isPemBundle(http.caBundle), () =>
    invalid(`${PATH}.http.caBundle`, 'must be base64 of certificates in PEM form'),
  )

function isPemBundle(base64: string): boolean {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64.replace(/\s/g, ''))) return false
  const blocks = Buffer.from(base64, 'base64')
    .toString('latin1')
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  try {
    return blocks?.every((block) => new X509Certificate(block).subject !== undefined) ?? false
  } catch {
    return false
  }
}

/** Checksums by Streebog need a library of their own. */
export const checksumIsBuilt: Check = ({ http }) =>
  (['streebog256', 'streebog512'] as const satisfies readonly (keyof Checksum)[]).flatMap((name) =>
    when(http?.checksum?.[name] !== undefined, () => notBuilt(`${PATH}.http.checksum.${name}`, `the checksum ${name}`)),
  )

/** Uploads and container images wait for the registry. */
export const sourceTypeIsBuilt: Check = ({ type }) =>
  when(type === 'ContainerImage' || type === 'Upload', () => notBuilt(`${PATH}.type`, `the source type ${type}`))

/** Rules of every data source. */
export const SOURCE_CHECKS: readonly Check[] = [
  sourceHasType,
  httpTakesOnlyHttp,
  containerImageTakesOnlyContainerImage,
  objectRefTakesOnlyObjectRef,
  uploadTakesOnlyUpload,
  urlIsComplete,
  caBundleIsPem,
  checksumIsBuilt,
  sourceTypeIsBuilt,
]

/** All that is wrong with a data source, whatever the kind; nothing when there is none. */
export const sourceProblems = (source: DataSource | undefined): readonly FieldError[] =>
  source ? SOURCE_CHECKS.flatMap((check) => check(source)) : []
