// The NoCloud disk that gives a guest its user data (cloud-init documentation, "NoCloud"). An ISO 9660 image with the label `cidata`.
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OnFileStep } from '../../seams.ts'

export interface SeedContent {
  readonly uid: string
  readonly hostname: string
  readonly userData: string
}

/** Makes an ISO of the folder's files at `output`; injected, since the host has either genisoimage or xorriso. */
export type MakeIso = (folder: string, output: string, signal: AbortSignal) => Promise<void>

export class Seeds {
  readonly #folder: string
  readonly #makeIso: MakeIso
  readonly #onFileStep: OnFileStep

  /** `folder`: `<stateDir>/seeds`, made when absent. */
  constructor(folder: string, makeIso: MakeIso, onFileStep: OnFileStep = () => undefined) {
    this.#folder = folder
    this.#makeIso = makeIso
    this.#onFileStep = onFileStep
  }

  /** Path of the seed with exactly this content, made when absent. Atomic; the name holds the content's digest. */
  async ensure(content: SeedContent, signal: AbortSignal): Promise<string> {
    const path = join(this.#folder, `${content.uid}.${digestOf(content)}.iso`)
    const exists = await stat(path).then(
      () => true,
      () => false,
    )
    if (exists) return path
    await this.remove(content.uid)
    const work = join(this.#folder, `.tmp-${content.uid}-${randomBytes(4).toString('hex')}`)
    const files = join(work, 'files')
    try {
      await mkdir(files, { recursive: true, mode: 0o700 })
      await writeFile(join(files, 'meta-data'), metaData(content), { mode: 0o600 })
      await writeFile(join(files, 'user-data'), content.userData, { mode: 0o600 })
      const iso = join(work, 'seed.iso')
      await this.#makeIso(files, iso, signal)
      this.#onFileStep('seed-made')
      await rename(iso, path)
      this.#onFileStep('seed-placed')
    } finally {
      await rm(work, { recursive: true, force: true })
    }
    return path
  }

  /** Removes every seed of the VM, and what a killed agent left of one in the making. */
  async remove(uid: string): Promise<void> {
    const names = await readdir(this.#folder).catch(() => [])
    for (const name of names)
      if (name.startsWith(`${uid}.`) || name.startsWith(`.tmp-${uid}-`))
        await rm(join(this.#folder, name), { recursive: true, force: true })
  }

  /** Removes seeds of VMs that no longer exist and half-made ones; called at start, before anything is made. */
  async sweep(known: ReadonlySet<string>): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o711 })
    for (const name of await readdir(this.#folder)) {
      const uid = name.split('.')[0] ?? ''
      if (!known.has(uid)) await rm(join(this.#folder, name), { recursive: true, force: true })
    }
  }
}

/** What cloud-init knows the instance by; a new uid is a new instance, so that user data runs once per VM. */
export const metaData = ({ uid, hostname }: Pick<SeedContent, 'uid' | 'hostname'>): string =>
  `instance-id: ${uid}\nlocal-hostname: ${hostname}\n`

const digestOf = (content: SeedContent): string =>
  createHash('sha256').update(metaData(content)).update('\0').update(content.userData).digest('hex').slice(0, 16)
