// The parts of the scheduler's configuration that are about moves, drains, lost hosts and rebalancing.
import { Type } from 'typebox'
import { closed } from '../lib/server/config.ts'
import { DEFAULT_MIGRATION_LIMITS as DVP } from './controllers/virtualmachineoperation/facts.ts'

export const MigrationConfigSchema = Type.Object(
  {
    parallel: Type.Integer({
      default: DVP.parallel,
      minimum: 0,
      maximum: 10_000,
      description: 'Moves under way in the cluster at once. 0: as many as there are nodes, two at least.',
    }),
    outgoingPerNode: Type.Integer({
      default: DVP.outgoingPerNode,
      minimum: 1,
      maximum: 100,
      description: 'Moves that leave one node at once, prepared ones counted.',
    }),
    transferringPerNode: Type.Integer({
      default: DVP.transferringPerNode,
      minimum: 1,
      maximum: 100,
      description: 'Of these, those that transfer at once.',
    }),
    incomingPerNode: Type.Integer({
      default: DVP.incomingPerNode,
      minimum: 1,
      maximum: 100,
      description: 'Transfers that come to one node at once.',
    }),
    prepareTimeoutSeconds: Type.Integer({
      default: DVP.prepareTimeoutSeconds,
      minimum: 10,
      maximum: 86_400,
      description: 'For finding a target, and then for its preparation (base images are fetched in it).',
    }),
    bandwidthMiBps: Type.Integer({
      default: DVP.bandwidthMiBps,
      minimum: 0,
      maximum: 1_048_576,
      description:
        'Of one transfer, in MiB per second; 0: no cap. `berth/migration-bandwidth` of an operation goes before it.',
    }),
    completionTimeoutSecondsPerGiB: Type.Integer({
      default: DVP.completionTimeoutSecondsPerGiB,
      minimum: 1,
      maximum: 86_400,
      description: 'A transfer may take so long for each GiB of memory and of disks that move along.',
    }),
    progressTimeoutSeconds: Type.Integer({
      default: DVP.progressTimeoutSeconds,
      minimum: 1,
      maximum: 86_400,
      description: 'A transfer that does not come nearer to its end for so long is given up.',
    }),
  },
  { ...closed, default: {} },
)

const Command = (description: string) =>
  Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 64, description })

export const FailoverConfigSchema = Type.Object(
  {
    graceSeconds: Type.Integer({
      default: 6,
      minimum: 0,
      maximum: 3_600,
      description:
        'After the end of the lease of a host, before it is fenced: hosts that are lost by the same cause are seen by then.',
    }),
    timeoutCounts: Type.Boolean({
      default: false,
      description:
        "Whether an agent's promise to end machines by its own clock counts as evidence that they are dead. The weakest evidence.",
    }),
    fencing: Type.Object(
      {
        command: Type.Optional(
          Command(
            'Program and arguments that power a host off (IPMI, Redfish); `{node}` is its name. Exit code 0: it is off. Run without a shell, as the user of the scheduler.',
          ),
        ),
        nodes: Type.Record(Type.String(), Command('The same for the host of that name.'), {
          default: {},
          description: 'Commands of single hosts, by name.',
        }),
        deadlineSeconds: Type.Integer({
          default: 20,
          minimum: 1,
          maximum: 3_600,
          description: 'The command is killed after so long, and has failed.',
        }),
        others: Type.Union([Type.Literal('spare'), Type.Literal('powerOff')], {
          default: 'spare',
          description:
            '`spare`: a host is fenced only when no machine runs there, as far as is known, that is not for failover; `berth/fence=requested` on the Node fences it all the same. `powerOff`: such machines go down with their host.',
        }),
        retrySeconds: Type.Integer({ default: 30, minimum: 1, maximum: 3_600, description: 'After one that failed.' }),
      },
      { ...closed, default: {} },
    ),
  },
  { ...closed, default: {} },
)

export const RebalanceConfigSchema = Type.Object(
  {
    enabled: Type.Boolean({
      default: false,
      description:
        'Machines of hosts that are too full are moved to others. Machines whose placement rules their host breaks are moved in any case.',
    }),
    intervalSeconds: Type.Integer({
      default: 300,
      minimum: 15,
      maximum: 86_400,
      description: 'Load is looked at so often.',
    }),
    movesPerHour: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: 10_000,
      description: 'Moves for load in an hour, in the whole cluster.',
    }),
    restSeconds: Type.Integer({
      default: 3_600,
      minimum: 0,
      maximum: 604_800,
      description: 'A machine is not moved for load so soon after it came to its host.',
    }),
    threshold: Type.Number({
      default: 0.8,
      minimum: 0.1,
      maximum: 1,
      description: 'A host is too full when a greater share of its CPU or memory is requested.',
    }),
  },
  { ...closed, default: {} },
)
