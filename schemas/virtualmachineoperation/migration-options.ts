// Annotations of an operation that moves a machine: how it is moved, beyond what DVP's fields can say. Unknown ones and unknown values are
// refused, so that nobody relies on a word that nobody reads.
import type { FieldError } from '../../lib/errors.ts'
import { readQuantity, toBytes } from '../../lib/quantity.ts'
import type { MigrationOptions, MigrationResolution } from '../cluster/placement.ts'
import { forbidden, invalid, notSupported } from '../errors.ts'

const PREFIX = 'berth/migration-'

export const POST_COPY = `${PREFIX}post-copy`
export const PARALLEL_CONNECTIONS = `${PREFIX}parallel-connections`
export const BANDWIDTH = `${PREFIX}bandwidth`
/** Decides a migration whose outcome is unknown. `berth migrate resolve` writes it. */
export const RESOLUTION = `${PREFIX}resolution`

const MIB = 1024 * 1024
/** 1 TiB a second: more is a mistake of units. */
const MAX_BANDWIDTH = MIB * MIB

type Annotations = Readonly<Record<string, string>>
type Options = { -readonly [K in keyof MigrationOptions]: MigrationOptions[K] }

export interface MigrationWish {
  readonly options: MigrationOptions
  readonly resolution?: MigrationResolution
}

const path = (name: string) => `metadata.annotations[${name}]`

/** What the annotations ask for; errors name each that cannot be read. */
export function migrationWish(annotations: Annotations = {}): {
  readonly wish: MigrationWish
  readonly errors: readonly FieldError[]
} {
  const options: Options = {}
  const errors: FieldError[] = []
  let resolution: MigrationWish['resolution']
  for (const [name, value] of Object.entries(annotations)) {
    if (!name.startsWith(PREFIX)) continue
    const take = READERS[name]
    if (take === undefined)
      errors.push(forbidden(path(name), `there is no such option; there are ${Object.keys(READERS).join(', ')}`))
    else {
      const read = take(value)
      if (typeof read === 'string') errors.push(invalid(path(name), read))
      else if ('resolution' in read) resolution = read.resolution
      else Object.assign(options, read)
    }
  }
  return { wish: { options, ...(resolution === undefined ? {} : { resolution }) }, errors }
}

type Read = string | Options | { readonly resolution: MigrationResolution }

const RESOLUTIONS: Readonly<Record<string, MigrationResolution>> = {
  source: 'KeepSource',
  target: 'KeepTarget',
  disk: 'StartAnew',
}

const READERS: Readonly<Record<string, (value: string) => Read>> = {
  [POST_COPY]: (value) =>
    value === 'true' || value === 'false' ? { postCopy: value === 'true' } : 'must be "true" or "false"',
  [PARALLEL_CONNECTIONS]: (value) =>
    /^\d{1,3}$/.test(value) && Number(value) <= 255
      ? { parallelConnections: Number(value) }
      : 'must be a whole number from 0 (one connection) to 255',
  [BANDWIDTH]: (value) => {
    const bytes = bytesOf(value)
    if (bytes === null || bytes > MAX_BANDWIDTH || (bytes !== 0 && bytes < MIB))
      return 'must be a quantity of bytes per second from 1Mi on, such as 640Mi, or 0 for no cap'
    return { bandwidthMiBps: Math.floor(bytes / MIB) }
  },
  [RESOLUTION]: (value) => {
    const resolution = Object.hasOwn(RESOLUTIONS, value) ? RESOLUTIONS[value] : undefined
    return resolution === undefined ? 'must be "source", "target" or "disk"' : { resolution }
  },
}

/** A post-copy that breaks loses the guest's memory: not what a machine that must move safely agreed to. */
export const postCopyErrors = (options: MigrationOptions, policy: string | undefined): readonly FieldError[] =>
  options.postCopy === true && policy === 'AlwaysSafe'
    ? [
        notSupported(
          path(POST_COPY),
          'the machine has the liveMigrationPolicy AlwaysSafe, and a post-copy that breaks ends it',
        ),
      ]
    : []

const bytesOf = (value: string): number | null => (readQuantity(value).ok ? Number(toBytes(value)) : null)
