// Opens the API's listeners as configured.
import type { ApiServer } from '../lib/apiserver/server.ts'
import type { AgentConfig } from './config.ts'

export async function openListeners(server: ApiServer, config: AgentConfig): Promise<void> {
  await server.listen({ unix: { path: config.socketPath, group: config.socketGroup } })
}
