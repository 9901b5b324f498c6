// A client that does not give up: what gets no answer because the agent is away is asked again until it does. Every object has a name
// of its own from the start, so that asking twice does it once.
import { UnreachableError } from '../../lib/client/errors.ts'
import { isApiError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { VirtualMachine } from '../../schemas/index.ts'
import { Space } from '../support/space.ts'
import { pause } from './pause.ts'

/** How long an agent may stay away. */
const PATIENCE_MS = 90_000
const AGAIN_MS = 30

/** Whether nobody knows if it was done. */
export const isOpen = (error: unknown): boolean =>
  error instanceof UnreachableError || isApiError(error, 'Timeout') || isApiError(error, 'ServiceUnavailable')

/** @param afterAll what an answer means that only a request before this one can have caused */
export async function steadily<T>(
  work: () => Promise<T>,
  afterAll: (error: unknown) => Promise<T> | null = () => null,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS
  for (let open = false; ; open = true) {
    try {
      return await work()
    } catch (error) {
      const done = open ? afterAll(error) : null
      if (done !== null) return await done
      if (!isOpen(error) || performance.now() > deadline) throw error
      await pause(AGAIN_MS)
    }
  }
}

export class SteadySpace extends Space {
  #names = 0

  override async create<T extends KubeObject>(draft: Parameters<Space['create']>[0]): Promise<T> {
    const { generateName, ...metadata } = draft.metadata
    const name = metadata.name ?? `${generateName ?? ''}${this.#names++}`
    const whole = { ...draft, metadata: { ...metadata, name } }
    return await steadily(
      () => super.create<T>(whole),
      (error) => (isApiError(error, 'AlreadyExists') ? this.get<T>(draft.kind, name) : null),
    )
  }

  override async get<T extends KubeObject = VirtualMachine>(kind: string, name: string): Promise<T> {
    return await steadily(() => super.get<T>(kind, name))
  }

  override async patch<T extends KubeObject = VirtualMachine>(kind: string, name: string, patch: unknown): Promise<T> {
    return await steadily(() => super.patch<T>(kind, name, patch))
  }

  override async delete(kind: string, name: string): Promise<void> {
    await steadily(
      () => super.delete(kind, name),
      (error) => (isApiError(error, 'NotFound') ? Promise.resolve() : null),
    )
  }
}
