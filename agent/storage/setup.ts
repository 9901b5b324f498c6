// temporary
import type { Controller } from '../../lib/reconcile/controller.ts'
import type { AgentCore } from '../core.ts'
import type { Volumes } from './volumes.ts'

export async function createStorage(
  _core: AgentCore,
): Promise<{ readonly volumes: Volumes; readonly controllers: readonly Controller[] }> {
  return { volumes: { disk: async () => null, image: async () => null }, controllers: [] }
}
