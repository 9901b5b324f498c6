// The Node's controller put together: what the host is, and what is wrong with it now.

import { NodeReconciler } from './controllers/node/controller.ts'
import type { Definitions } from './controllers/virtualmachine/definitions.ts'
import type { AgentCore } from './core.ts'
import { hostAddresses } from './host/addresses.ts'
import { type NodeTroubles, readInventory, runHostChecks, type Survey } from './host/index.ts'
import { allDomains } from './inventory.ts'
import type { ToldStorage } from './storage-controllers.ts'
import { findStrays } from './strays.ts'

export interface NodeReconcilerDeps {
  readonly core: AgentCore
  readonly survey: Survey
  readonly version: string
  /** What is wrong now. */
  readonly troubles: () => NodeTroubles
  readonly told: Pick<ToldStorage, 'read'>
  /** Files of disks and images whose object's uid is not among the known. */
  readonly strayFiles: (known: ReadonlySet<string>) => readonly string[]
  /** What was read of running domains. */
  readonly definitions: Definitions
}

export function nodeReconciler({
  core,
  survey,
  version,
  troubles,
  told,
  strayFiles,
  definitions,
}: NodeReconcilerDeps): NodeReconciler {
  const { reader, resources, clock, config, log, libvirt } = core
  return new NodeReconciler({
    reader,
    resources,
    clock,
    nodeName: config.nodeName,
    present: async () => ({ ...troubles(), storage: await told.read() }),
    facts: async (signal) => {
      const inventory = await readInventory(signal).catch((error: unknown) => {
        // An agent that stops wants no inventory any more.
        signal.throwIfAborted()
        log.warn({ err: error }, 'the hardware inventory could not be read')
        return null
      })
      const { own } = survey.facts.cpu
      return {
        nodeName: config.nodeName,
        berthVersion: version,
        identity: survey.identity,
        ...(inventory === null ? {} : { inventory }),
        accelerator: survey.accelerator,
        capabilities: survey.capabilities,
        cpuFeatures: survey.facts.cpu.features,
        checks: await runHostChecks(survey.checkContext, clock, signal),
        addresses: hostAddresses(),
        cpuOvercommit: config.capacity.cpuOvercommit,
        ...(own === null ? {} : { hostModel: own.xml }),
        strays: findStrays(await allDomains(libvirt, signal, definitions), { reader, files: strayFiles }),
      }
    },
  })
}
