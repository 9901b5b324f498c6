// Every stream and every picture of virtual machines that the agent serves.
import type { ConnectSubresource, ReadSubresource } from '../../lib/apiserver/connect.ts'
import { consoleStream } from './console.ts'
import type { StreamDeps } from './exclusive.ts'
import { PortForward, type PortForwardDeps } from './port-forward.ts'
import { Screenshot } from './screenshot.ts'
import { vncStream } from './vnc.ts'

export interface AgentStreams {
  readonly connect: readonly ConnectSubresource[]
  readonly reads: readonly ReadSubresource[]
}

export const agentStreams = (deps: StreamDeps & PortForwardDeps): AgentStreams => ({
  connect: [consoleStream(deps), vncStream(deps), new PortForward(deps)],
  reads: [new Screenshot(deps)],
})
