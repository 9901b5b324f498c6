// Volumes of the `dir` driver and of the content store, for the domains of VMs: all facts from sidecars, nothing probed.
import type { ContentStore } from '../images/content-store.ts'
import type { DirDriver } from './dir-driver.ts'
import type { Volume, Volumes } from './volumes.ts'

export class DirVolumes implements Volumes {
  readonly #content: ContentStore
  readonly #driver: DirDriver

  constructor(deps: { readonly content: ContentStore; readonly driver: DirDriver }) {
    this.#content = deps.content
    this.#driver = deps.driver
  }

  async disk(uid: string): Promise<Volume | null> {
    const record = this.#driver.get(uid)
    if (record === null || !(await this.#driver.present(record))) return null
    const { path, sizeBytes, base } = record
    const volume = { path, format: 'qcow2', sizeBytes, cdrom: false, readonly: false } as const
    if (base === null) return { ...volume, backing: [] }
    return { ...volume, backing: [{ path: this.#content.path(base), format: 'qcow2' }] }
  }

  async image(uid: string): Promise<Volume | null> {
    const claim = this.#content.claim(uid)
    const image = claim === null ? null : await this.#content.get(claim.digest)
    if (image === null) return null
    const { digest, format, virtualSize: sizeBytes, cdrom } = image
    return { path: this.#content.path(digest), format, backing: [], sizeBytes, cdrom, readonly: true }
  }
}
