// StorageClass: whether its folder can hold disks on this host. It has no status, so an event says what is wrong.

import type { EventText } from '../../../lib/controllers/event-text.ts'
import { messageOf } from '../../../lib/errors.ts'
import { fromKey, type KubeObject } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import type { StorageClass } from '../../../schemas/index.ts'
import { AGENT_EVENTS } from '../../events.ts'
import { STORAGE_CLASSES } from '../../names.ts'
import type { DirDriver } from '../../storage/dir-driver.ts'

export interface StorageClassDeps {
  readonly reader: Reader
  readonly events: { record(object: KubeObject, text: EventText): void }
  readonly driver: Pick<DirDriver, 'checkFolder'>
  /** Folder of classes without a path. */
  readonly stateDir: string
}

const RETRY_MS = 60_000

export class StorageClassReconciler implements Reconciler {
  readonly #deps: StorageClassDeps

  constructor(deps: StorageClassDeps) {
    this.#deps = deps
  }

  async reconcile(key: string): Promise<Outcome> {
    const { reader, events, driver, stateDir } = this.#deps
    const storageClass = reader.get<StorageClass>(STORAGE_CLASSES, fromKey(key))
    if (storageClass === null || storageClass.metadata.deletionTimestamp !== undefined) return DONE
    const folder = storageClass.parameters?.path ?? stateDir
    try {
      await driver.checkFolder(folder)
      return DONE
    } catch (error) {
      const message = `The folder ${folder} can't hold disks on this host: ${messageOf(error)}`
      events.record(storageClass, AGENT_EVENTS.text('FolderNotUsable', message))
      return again(RETRY_MS, 'the folder of the storage class is not usable')
    }
  }
}
