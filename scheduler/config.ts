// The scheduler's configuration: one YAML file, every key known, every default here. See docs/configuration.md.
import { type Static, Type } from 'typebox'
import { checked, closed, loadConfigFile, mapping, serverKeys } from '../lib/server/config.ts'
import type { Served } from '../lib/server/listen.ts'
import { FailoverConfigSchema, MigrationConfigSchema, RebalanceConfigSchema } from './operations-config.ts'

/** Schema of `/etc/berth/scheduler.yaml`. Descriptions are the documentation of each key. */
export const SchedulerConfigSchema = Type.Object(
  {
    names: Type.Array(
      Type.String({ minLength: 1, maxLength: 253, pattern: '^[0-9a-zA-Z:]([-0-9a-zA-Z.:]*[0-9a-zA-Z])?$' }),
      {
        default: [],
        description:
          'Further host names and addresses under which clients reach the scheduler, for its certificate. It knows those of `listen` and of its machine.',
      },
    ),
    migration: MigrationConfigSchema,
    failover: FailoverConfigSchema,
    rebalance: RebalanceConfigSchema,
    ...serverKeys({
      stateDir: '/var/lib/berth-scheduler',
      stateHolds: 'Database, keys, kubeconfig.',
      socketPath: '/run/berth/scheduler.sock',
      port: 8751,
    }),
  },
  closed,
)

export type SchedulerConfig = Static<typeof SchedulerConfigSchema>

/** Checks and completes a parsed document. @throws ConfigError */
export const toConfig = (document: unknown): SchedulerConfig => checked(SchedulerConfigSchema, mapping(document))

/** The scheduler as the parts of its API's door see it. */
export const servedOf = (config: SchedulerConfig): Served => ({ config, names: config.names })

/** Reads the file; a missing file means defaults when `optional`. @throws ConfigError */
export const loadConfig = (path: string, optional: boolean): Promise<SchedulerConfig> =>
  loadConfigFile(path, optional, toConfig)
