// What the configuration files of both servers have in common: the keys of the API, the audit log and the log, and how a file is read.
import { readFile } from 'node:fs/promises'
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { type Static, type TObject, type TProperties, Type } from 'typebox'
import { parse } from 'yaml'
import { nearest } from '../client/nearest.ts'
import { messageOf } from '../errors.ts'
import { ConfigError, type ConfigFault } from './config-error.ts'

/** No other keys. */
export const closed = { additionalProperties: false } as const

/** What differs between the servers. */
export interface ServerDefaults {
  readonly stateDir: string
  /** For people: what lies in it. */
  readonly stateHolds: string
  readonly socketPath: string
  readonly port: number
}

/** The common keys, with their documentation. */
export const serverKeys = (given: ServerDefaults) => ({
  stateDir: Type.String({
    default: given.stateDir,
    pattern: '^/',
    description: given.stateHolds,
  }),
  socketPath: Type.String({
    default: given.socketPath,
    pattern: '^/',
    maxLength: 107,
    description: 'Unix socket of the API, without a password; its file mode and group are the protection.',
  }),
  socketGroup: Type.String({
    default: 'berth',
    minLength: 1,
    description: 'Group that may use the socket; when the host has no such group, root alone may.',
  }),
  listen: Type.Array(Type.String({ pattern: '^(\\[[0-9a-fA-F:]+\\]|[0-9.]+|localhost):[0-9]{1,5}$' }), {
    default: [`127.0.0.1:${given.port}`],
    description: 'TCP addresses of the API; always TLS with a token or a client certificate.',
  }),
  tls: Type.Object(
    {
      certFile: Type.Optional(
        Type.String({
          pattern: '^/',
          description:
            'PEM of a certificate of your own (then those between it and its authority). Default: one by the built-in authority in `stateDir`/keys. A change of the file is noticed within seconds.',
        }),
      ),
      keyFile: Type.Optional(
        Type.String({ pattern: '^/', description: 'PEM of its key, without a password. Goes with `tls.certFile`.' }),
      ),
      caFile: Type.Optional(
        Type.String({
          pattern: '^/',
          description:
            "PEM of the authority of `tls.certFile`, for the kubeconfig that the agent writes. Default: the client's system knows it.",
        }),
      ),
      clientCaFile: Type.Optional(
        Type.String({
          pattern: '^/',
          description:
            'PEM of an authority whose client certificates are taken (CN = user, O = groups), beside the built-in one.',
        }),
      ),
    },
    {
      ...closed,
      default: {},
      dependentRequired: { certFile: ['keyFile'], keyFile: ['certFile'], caFile: ['certFile'] },
    },
  ),
  limits: Type.Object(
    {
      requestsPerSecond: Type.Integer({
        default: 1_000,
        minimum: 1,
        maximum: 1_000_000,
        description:
          'Requests over TCP that one identity may send for long; more get 429. The unix socket has no limit.',
      }),
      requestBurst: Type.Integer({
        default: 5_000,
        minimum: 1,
        maximum: 1_000_000,
        description: 'Requests that it may send at once.',
      }),
      wrongCredentialsPerMinute: Type.Integer({
        default: 60,
        minimum: 1,
        maximum: 100_000,
        description:
          'Wrong tokens and certificates from one address (of IPv6: its /64) that get 401 for long; more get 429. Right ones always pass.',
      }),
      wrongCredentialsBurst: Type.Integer({
        default: 30,
        minimum: 1,
        maximum: 100_000,
        description: 'Wrong ones at once.',
      }),
    },
    { ...closed, default: {} },
  ),
  audit: Type.Object(
    {
      enabled: Type.Boolean({
        default: true,
        description: 'Write who did what over the API to `audit/audit.log` in `stateDir`.',
      }),
      reads: Type.Boolean({
        default: false,
        description: 'Record successful reads as well; those of Secrets and all streams always are.',
      }),
      maxBytes: Type.String({
        default: '64Mi',
        pattern: '^[1-9][0-9]*(Ki|Mi|Gi)$',
        description: 'A full file of this size is put aside.',
      }),
      keep: Type.Integer({ default: 10, minimum: 1, maximum: 1000, description: 'Full files that are kept.' }),
    },
    { ...closed, default: {} },
  ),
  log: Type.Object(
    {
      level: Type.Union(
        ['trace', 'debug', 'info', 'warn', 'error'].map((level) => Type.Literal(level)),
        {
          default: 'info',
          description: 'Lines below this level are not written. `debug` tells each step of each pass.',
        },
      ),
    },
    { ...closed, default: {} },
  ),
})

const example = Type.Object(serverKeys({ stateDir: '', stateHolds: '', socketPath: '', port: 0 }))

/** What the common parts read of either configuration. */
export type ServerConfig = Static<typeof example>

/** Checks and completes a parsed document. @throws ConfigError */
export function checked<T extends TProperties>(schema: TObject<T>, document: object): Static<TObject<T>> {
  const options = {
    allErrors: true,
    useDefaults: true,
    strict: false,
    meta: false,
    validateSchema: false,
    verbose: true,
  }
  const validate = new Ajv2020(options).compile(schema)
  if (validate(document)) return document as Static<TObject<T>>
  const found = (validate.errors ?? []).filter(({ schemaPath }) => !schemaPath.includes('/anyOf/')).map(inWords)
  throw new ConfigError(found[0]?.[0] ?? 'KEY: …', found.map(([, line]) => line).join('; '))
}

/** One thing that is wrong. Values are not told: one could be a secret in the wrong place. */
function inWords({ instancePath, message, params, parentSchema }: ErrorObject): readonly [ConfigFault, string] {
  const key = instancePath.slice(1).replaceAll('/', '.')
  const { properties = {}, anyOf = [] } = (parentSchema ?? {}) as {
    readonly properties?: object
    readonly anyOf?: readonly { readonly const?: unknown }[]
  }
  if ('additionalProperty' in params) {
    const wrong = String(params.additionalProperty)
    const [near] = nearest(wrong, Object.keys(properties))
    const hint = near === undefined ? '' : `; did you mean ${near}?`
    return ['KEY: unknown key', `${key === '' ? '' : `${key}.`}${wrong}: unknown key${hint}`]
  }
  const choices = anyOf.map((choice) => String(choice.const)).join(', ')
  return ['KEY: …', `${key}: ${choices === '' ? message : `must be one of ${choices}`}`]
}

/** A copy of a document to be completed. @throws ConfigError when it is no mapping */
export function mapping(document: unknown): Record<string, unknown> {
  const config = structuredClone(document ?? {}) as Record<string, unknown>
  const noMapping = 'the configuration is not a mapping'
  if (typeof config !== 'object' || Array.isArray(config)) throw new ConfigError(noMapping, noMapping)
  return config
}

/** Reads the file; a missing file means defaults when `optional`. @throws ConfigError */
export async function loadConfigFile<T>(
  path: string,
  optional: boolean,
  toConfig: (document: unknown) => T,
): Promise<T> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (optional && error.code === 'ENOENT') return ''
    throw new ConfigError('cannot read FILE', `cannot read ${path}: ${error.message}`)
  })
  try {
    return toConfig(parse(text))
  } catch (error) {
    throw new ConfigError(error instanceof ConfigError ? error.fault : 'not YAML', `${path}: ${messageOf(error)}`)
  }
}
