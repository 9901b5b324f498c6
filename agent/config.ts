// The agent's configuration: one YAML file, every key known, every default here. See docs/configuration.md.
import { hostname } from 'node:os'
import { type Static, Type } from 'typebox'
import { checked, closed, loadConfigFile, mapping, serverKeys } from '../lib/server/config.ts'
import type { Served } from '../lib/server/listen.ts'

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
    ...serverKeys({
      stateDir: '/var/lib/berth',
      stateHolds: 'Database, images, disks, keys, kubeconfig.',
      socketPath: '/run/berth/agent.sock',
      port: 8750,
    }),
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
            'Machines that are started at a time; the others wait for their turn, by the annotation `berth/start-priority` (a whole number from -1000 to 1000, higher first), without it by the value of their PriorityClass, then by age.',
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
    failover: Type.Object(
      {
        selfFencing: Type.Union([Type.Literal('off'), Type.Literal('timeout')], {
          default: 'off',
          description:
            '`timeout`: a machine with the annotation `berth/failover: enabled` is ended by this host when the lease with the scheduler ran out, `boundSeconds` later, so that another host may start it. The weakest evidence that it is dead: it trusts this host’s kernel.',
        }),
        boundSeconds: Type.Integer({
          default: 10,
          minimum: 1,
          maximum: 600,
          description: 'So long after the end of the lease (15 s without the scheduler) such a machine is ended.',
        }),
        watchdog: Type.Optional(
          Type.String({
            pattern: '^/',
            description:
              'Device of a kernel watchdog, such as `/dev/watchdog`: armed while a machine that may be failed over is here, and fed only while the lease holds. Without the lease such machines are ended, or else the kernel resets this host. Nobody else may use the device. Default: none.',
          }),
        ),
        watchdogSeconds: Type.Integer({
          default: 60,
          minimum: 1,
          maximum: 3600,
          description:
            'Seconds after which the watchdog resets the host, where the kernel does not say (`/sys/class/watchdog`).',
        }),
        others: Type.Union([Type.Literal('spare'), Type.Literal('reset')], {
          default: 'spare',
          description:
            '`spare`: the watchdog is disarmed once the machines that may be failed over have ended, and resets the host only when that cannot be done; other machines run on. `reset`: it resets the host in any case, with all machines on it.',
        }),
      },
      { ...closed, default: {} },
    ),
    migration: Type.Object(
      {
        address: Type.Optional(
          Type.String({
            pattern: '^([0-9.]+|[0-9a-fA-F:]+)$',
            description:
              'Where this host awaits machines from other hosts, as a number: QEMU listens there, on a port from 49152 on, during a migration only. Default: the first address of `listen` that is no loopback, else the first of the host.',
          }),
        ),
        tls: Type.Boolean({
          default: true,
          description:
            'Machines are sent through TLS between the QEMUs, with the certificates of the cluster. Both hosts must say the same.',
        }),
        maxOutgoing: Type.Integer({
          default: 1,
          minimum: 1,
          maximum: 16,
          description: 'Machines that leave at a time.',
        }),
        maxIncoming: Type.Integer({
          default: 1,
          minimum: 1,
          maximum: 16,
          description: 'Machines that come at a time; one more is prepared meanwhile.',
        }),
        bandwidthMiBps: Type.Integer({
          default: 640,
          minimum: 0,
          description: 'A machine that leaves is sent so fast at most, in MiB/s; 0: as fast as it goes.',
        }),
        certDir: Type.String({
          default: '/etc/pki/qemu',
          pattern: '^/',
          description:
            'Folder for the certificates that QEMUs show each other when a machine moves; the agent writes them when the host joins a cluster. That of `migrate_tls_x509_cert_dir` in libvirt’s qemu.conf.',
        }),
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
  },
  closed,
)

export type AgentConfig = Static<typeof AgentConfigSchema>

/** Checks and completes a parsed document. @throws ConfigError */
export function toConfig(document: unknown): AgentConfig {
  const config = mapping(document)
  config.nodeName ??= hostname().toLowerCase()
  return checked(AgentConfigSchema, config)
}

/** The agent as the parts of its API's door see it. */
export const servedOf = (config: AgentConfig): Served => ({ config, names: [config.nodeName] })

/** Reads the file; a missing file means defaults when `optional`. @throws ConfigError */
export const loadConfig = (path: string, optional: boolean): Promise<AgentConfig> =>
  loadConfigFile(path, optional, toConfig)
