// What the scheduler remembers of a joined host, in annotations of its Node.
import type { KubeObject } from '../../lib/object.ts'

/** Where its agent is reached: `https://ADDRESS:PORT`. A Node without it has not joined. */
export const AGENT_URL = 'berth/agent-url'
/** The machine that has the name: its machine id. */
export const MACHINE = 'berth/machine'
/** Serial number of the certificate that it has now. */
export const CERTIFICATE = 'berth/certificate'

export const urlOfNode = ({ metadata }: KubeObject): string | null => {
  const url = metadata.annotations?.[AGENT_URL] ?? ''
  return metadata.deletionTimestamp === undefined && URL.canParse(url) ? url : null
}

export const machineOfNode = ({ metadata }: KubeObject): string | null => metadata.annotations?.[MACHINE] ?? null
