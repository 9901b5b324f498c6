// The agent's configuration: one YAML file, every key known, every default here. See docs/configuration.md.
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { type Static, Type } from 'typebox'
import { parse } from 'yaml'
import { nearest } from '../lib/client/nearest.ts'
import { messageOf } from '../lib/errors.ts'
import { ConfigError, type ConfigFault } from './config-error.ts'

const closed = { additionalProperties: false } as const
/** A quantity of bytes. */
const BYTES = '^[0-9]+(\\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$'

/** Schema of `/etc/berth/agent.yaml`. Descriptions are the documentation of each key. */
export const AgentConfigSchema = Type.Object(
  {
    nodeName: Type.String({
      minLength: 1,
      maxLength: 63,
      pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
      description: 'Name of this host as a Node. Default: the host name.',
    }),
    stateDir: Type.String({
      default: '/var/lib/berth',
      pattern: '^/',
      description: 'Database, images, disks, keys, kubeconfig.',
    }),
    socketPath: Type.String({
      default: '/run/berth/agent.sock',
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
      default: ['127.0.0.1:8750'],
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
    libvirt: Type.Object(
      {
        socket: Type.Optional(
          Type.String({
            pattern: '^/',
            description:
              'Default: `/run/libvirt/libvirt-sock` (libvirtd) when it is there, else `/run/libvirt/virtqemud-sock`.',
          }),
        ),
        networkSocket: Type.Optional(
          Type.String({
            pattern: '^/',
            description: 'Default: `/run/libvirt/virtnetworkd-sock` beside virtqemud, else the same as `socket`.',
          }),
        ),
        uri: Type.String({ default: 'qemu:///system', description: 'libvirt connection URI.' }),
      },
      { ...closed, default: {} },
    ),
    accelerator: Type.Union([Type.Literal('auto'), Type.Literal('kvm'), Type.Literal('emulation')], {
      default: 'auto',
      description: '`auto` takes KVM when it is measured to work, else emulation when that is allowed.',
    }),
    allowEmulation: Type.Boolean({
      default: false,
      description: 'Let guests run by emulation (slow) where KVM is not usable.',
    }),
    capacity: Type.Object(
      {
        cpuOvercommit: Type.Number({
          default: 1,
          minimum: 0.1,
          maximum: 1000,
          description: 'Sum of cores × coreFraction of the running VMs may reach the host cores times this.',
        }),
      },
      { ...closed, default: {} },
    ),
    start: Type.Object(
      {
        parallel: Type.Integer({
          default: 16,
          minimum: 1,
          maximum: 16,
          description:
            'Machines that are started at a time; the others wait for their turn, by the annotation `berth/start-priority` (a whole number from -1000 to 1000, higher first, 0 without), then by age.',
        }),
        settleSeconds: Type.Number({
          default: 5,
          minimum: 0,
          maximum: 600,
          description:
            'After a restart of the host a machine keeps its turn so long after its start, so that not all guests boot at once: `parallel` machines per so many seconds.',
        }),
      },
      { ...closed, default: {} },
    ),
    importer: Type.Object(
      {
        allow: Type.Array(Type.String({ pattern: '^.+:[0-9]{1,5}$' }), {
          default: [],
          description: 'host:port pairs that downloads may reach although they are loopback, link-local or this host.',
        }),
        maxBytes: Type.String({
          default: '100Gi',
          pattern: BYTES,
          description: 'Largest download, compressed or not.',
        }),
        maxVirtualBytes: Type.String({
          default: '2Ti',
          pattern: BYTES,
          description: 'Largest disk that an image may describe.',
        }),
        stallTimeoutSeconds: Type.Number({
          default: 60,
          minimum: 1,
          maximum: 3600,
          description:
            'A download without a byte for so long has failed, and so has one with less than 64 KiB in that time.',
        }),
        totalTimeoutSeconds: Type.Number({
          default: 14_400,
          minimum: 1,
          description: 'A download may take so long at most.',
        }),
        concurrency: Type.Integer({ default: 2, minimum: 1, maximum: 16, description: 'Imports at a time.' }),
      },
      { ...closed, default: {} },
    ),
    network: Type.Object(
      {
        cidr: Type.Optional(
          Type.String({
            pattern: '^[0-9.]+/[0-9]+$',
            description: 'Subnet of the NAT network. Default: a free one is chosen.',
          }),
        ),
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
  },
  closed,
)

export type AgentConfig = Static<typeof AgentConfigSchema>

/** Checks and completes a parsed document. @throws ConfigError */
export function toConfig(document: unknown): AgentConfig {
  const config = structuredClone(document ?? {}) as Record<string, unknown>
  const noMapping = 'the configuration is not a mapping'
  if (typeof config !== 'object' || Array.isArray(config)) throw new ConfigError(noMapping, noMapping)
  config.nodeName ??= hostname().toLowerCase()
  const options = {
    allErrors: true,
    useDefaults: true,
    strict: false,
    meta: false,
    validateSchema: false,
    verbose: true,
  }
  const validate = new Ajv2020(options).compile(AgentConfigSchema)
  if (validate(config)) return config as AgentConfig
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

/** Reads the file; a missing file means defaults when `optional`. @throws ConfigError */
export async function loadConfig(path: string, optional: boolean): Promise<AgentConfig> {
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
