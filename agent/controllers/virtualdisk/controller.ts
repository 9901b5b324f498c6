// VirtualDisk: load, observe, plan, run, say.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { EventText } from '../../../lib/controllers/event-text.ts'
import { messageOf } from '../../../lib/errors.ts'
import { fromKey, type KubeObject, type NamespacedName, toKey } from '../../../lib/object.ts'
import { again, DONE, type Outcome, type Pass, type Reconciler } from '../../../lib/reconcile/types.ts'
import type { VirtualDisk, VirtualDiskStatus } from '../../../schemas/index.ts'
import { AGENT_EVENTS } from '../../events.ts'
import type { ImportQueue } from '../../images/import-queue.ts'
import { recorded } from '../../images/recorded.ts'
import { DISKS } from '../../names.ts'
import { httpSource } from '../virtualimage/observe.ts'
import { DISK_FINALIZERS, type DiskHave, type DiskObserveDeps, observeDisk } from './observe.ts'
import { awaitsConsumer, baseOf, type DiskStep, growthOf, planDisk, sizeProblem } from './plan.ts'
import { diskStatus } from './status.ts'

export interface DiskDeps extends DiskObserveDeps {
  readonly resources: Resources
  readonly clock: Clock
  readonly events: { record(object: KubeObject, text: EventText): void }
  readonly imports: ImportQueue
  /** Asks for a pass of this key by this controller. */
  readonly wake: (key: string) => void
}

type Target = NamespacedName & { readonly uid: string }

const PROGRESS_MS = 1_000
const GROW_MS = 2_000
const LOST_MS = 15_000

type Turn = Pick<Pass, 'log'> & { readonly signal: AbortSignal }

export class DiskReconciler implements Reconciler {
  readonly #deps: DiskDeps

  constructor(deps: DiskDeps) {
    this.#deps = deps
  }

  async reconcile(key: string, signal: AbortSignal, { log }: Pass): Promise<Outcome> {
    const name = fromKey(key)
    const disk = this.#deps.reader.get<VirtualDisk>(DISKS, name)
    if (disk === null) return DONE
    const target = { ...name, uid: disk.metadata.uid }
    try {
      const have = await observeDisk(disk, this.#deps)
      for (const step of planDisk(have)) await this.#run(step, disk, target, { signal, log })
    } catch (error) {
      // The object says what is wrong; the queue tries again.
      if (!signal.aborted) await this.#say(target, messageOf(error))
      throw error
    }
    return await this.#say(target, null)
  }

  /** Steps are idempotent; none decides anything. */
  async #run(step: DiskStep, disk: VirtualDisk, target: Target, { signal, log }: Turn): Promise<void> {
    const { resources, content, imports, driver, wake } = this.#deps
    const { uid } = target
    switch (step.do) {
      case 'hold':
        return resources.addFinalizer(DISKS, target, DISK_FINALIZERS.cleanup)
      case 'let-go':
        return resources.removeFinalizer(DISKS, target, DISK_FINALIZERS.cleanup)
      case 'protect':
        return resources.addFinalizer(DISKS, target, DISK_FINALIZERS.protection)
      case 'unprotect':
        return resources.removeFinalizer(DISKS, target, DISK_FINALIZERS.protection)
      case 'end-import':
        return imports.cancel(uid)
      case 'release':
        return content.release(uid)
      case 'record':
        return driver.recordObject(uid, recorded(disk))
      case 'remove':
        return driver.remove(uid)
      case 'forget':
        return driver.forget(uid)
      case 'create': {
        const { folder, bytes: sizeBytes, base, shared } = step
        await driver.create({ uid, folder, sizeBytes, base, shared, object: recorded(disk) }, signal)
        return
      }
      case 'adopt':
        await driver.adopt(uid, step.folder)
        return
      case 'grow':
        await driver.grow(uid, step.bytes, step.inUse, signal)
        return
      case 'import': {
        const source = httpSource(disk.spec)
        if (source === null) return
        const request = { source, claim: { uid, object: recorded(disk) } }
        return imports.ensure({ namespace: target.namespace, request, onChange: () => wake(toKey(target)), log })
      }
    }
  }

  async #say(target: Target, fault: string | null): Promise<Outcome> {
    const { reader, resources, clock } = this.#deps
    const disk = reader.get<VirtualDisk>(DISKS, target)
    if (disk === null || disk.metadata.uid !== target.uid) return DONE
    const have = await observeDisk(disk, this.#deps)
    const now = clock.now()
    const after = await resources.modifyStatus<VirtualDisk>(DISKS, target, (before, object) =>
      diskStatus({ disk: object, before, have, fault, now }),
    )
    this.#report(disk, disk.status?.phase, after?.status)
    return nextLook(have, now)
  }

  /** One event per change of phase that people want to know of. */
  #report(disk: VirtualDisk, before: VirtualDiskStatus['phase'], after: VirtualDiskStatus | undefined): void {
    const { events } = this.#deps
    if (after === undefined || after.phase === before) return
    const message = after.conditions?.find(({ type }) => type === 'Ready')?.message ?? ''
    if (after.phase === 'Ready' && before !== 'Resizing') {
      events.record(disk, AGENT_EVENTS.text('DataSourceImportCompleted', 'The disk is ready'))
    } else if (after.phase === 'Failed' || after.phase === 'PVCLost') {
      events.record(disk, AGENT_EVENTS.text('DataSourceImportFailed', message))
    }
  }
}

/** When to look again without being woken. */
export function nextLook(have: DiskHave, now: number): Outcome {
  if (have.deleting) return DONE
  if (awaitsConsumer(have)) return DONE
  if (have.disk !== null) {
    if (!have.present) return again(LOST_MS, 'the file of the disk is missing')
    return growthOf(have) === null ? DONE : again(GROW_MS, 'the disk is going to grow')
  }
  if (have.made !== null) return again(LOST_MS, 'the file of the disk is missing')
  const state = have.source.kind === 'http' ? have.source.import : null
  const base = baseOf(have.source)
  if (base !== null && sizeProblem(have, base) === null) return again(PROGRESS_MS, 'the disk is being made')
  if (state?.kind === 'running') return again(PROGRESS_MS, 'the import is running')
  if (state?.kind === 'queued') return again(PROGRESS_MS, 'the import waits for its turn')
  if (state?.kind === 'failed' && state.retryAt !== null) {
    return again(Math.max(state.retryAt - now, 0), 'the import is tried again')
  }
  return DONE
}
