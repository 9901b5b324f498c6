// What must hold once an agent has come to rest, however often it was killed on the way there.

import type { LabHost } from '../../support/lab-host.ts'
import { waitFor } from '../../support/wait.ts'
import { wrongDomains } from './domains.ts'
import { wrongFiles } from './files.ts'
import { wrongNetwork } from './network.ts'
import { moving } from './rest.ts'
import { domainsOf, objectsOf, processesOf } from './seen.ts'

/** Programs that the agent runs for a moment; one that outlives its agent must end by itself. */
const HELPERS = /\b(qemu-img|genisoimage|xorrisofs|bwrap)\b/

/** Until no object is on its way anywhere. @throws naming those that are */
export async function converged(host: LabHost, seconds = 90): Promise<void> {
  let last: readonly string[] = []
  await waitFor(
    'everything at rest',
    seconds,
    async () => {
      last = moving(await objectsOf(host))
      return last.length === 0
    },
    () => last.join('\n'),
  )
}

/** What is not as it must be, in words. */
export async function violations(host: LabHost): Promise<readonly string[]> {
  const [objects, domains, processes] = await Promise.all([objectsOf(host), domainsOf(host), processesOf(host)])
  return [
    ...moving(objects),
    ...wrongDomains(objects, domains, processes),
    ...(await wrongFiles(host.stateDir, objects)),
    ...(await wrongNetwork(host, domains)),
    ...processes.filter((line) => HELPERS.test(line)).map((line) => `a program is left: ${line}`),
  ]
}

/**
 * Domains, processes, files, links and statuses agree with the objects, both ways. A status is a moment behind the world, and
 * more so on a busy machine: what is wrong for good stays wrong.
 * @throws naming what is wrong
 */
export async function checkInvariants(host: LabHost, seconds = 20): Promise<void> {
  let last: readonly string[] = []
  await waitFor(
    'the host is as its objects say',
    seconds,
    async () => {
      last = await violations(host)
      return last.length === 0
    },
    () => last.join('\n'),
  )
}
