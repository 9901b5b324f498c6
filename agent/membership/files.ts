// What a member of a cluster keeps on disk: who it is and where its scheduler is, its key and certificate, and what QEMU needs.
import { X509Certificate } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { certificateIn, keyIn, parsed, removeLeftovers } from '../../lib/apiserver/auth/certificates.ts'
import { readIfThere, writeAtomically } from '../../lib/files.ts'
import type { OnFileStep } from '../seams.ts'

/** Below the state folder. */
const FOLDER = 'cluster'
const RECORD = 'membership.json'
const NODE = 'node.pem'
const QEMU = 'qemu.pem'

/** Key and certificate, PEM. */
export interface KeyPair {
  readonly key: string
  readonly cert: string
}

export interface MemberRecord {
  /** Name of this host in the cluster. */
  readonly node: string
  /** The scheduler: `https://HOST:8751`. */
  readonly server: string
  /** Where others find this agent. */
  readonly url: string
  /** PEM of the cluster's authority. */
  readonly ca: string
  /** RFC 3339. */
  readonly joinedAt: string
}

export interface Member extends MemberRecord {
  readonly own: KeyPair
  readonly qemu: KeyPair
}

export class MembershipFiles {
  /** Keys are made in it. */
  readonly folder: string
  readonly #onFileStep: OnFileStep

  constructor(stateDir: string, onFileStep: OnFileStep = () => undefined) {
    this.folder = join(stateDir, FOLDER)
    this.#onFileStep = onFileStep
  }

  /** Null for a host without a cluster. @throws Error with words for the operator when what is there cannot be used */
  async read(): Promise<Member | null> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    await removeLeftovers(this.folder)
    const text = await readIfThere(join(this.folder, RECORD))
    if (text === null) return null
    const record = recordIn(text)
    const pairs = await Promise.all([NODE, QEMU].map((name) => this.#pair(name)))
    const [own, qemu] = pairs
    if (record === null || own === null || own === undefined || qemu === null || qemu === undefined)
      throw new Error(
        `what this host knows of its cluster is damaged: restore ${this.folder} from a backup, or remove it, delete the Node at the scheduler and join again`,
      )
    return { ...record, own, qemu }
  }

  /** The record is written last: killed before, the host has not joined. */
  async write({ own, qemu, ...record }: Member): Promise<void> {
    await this.writeKeys(own, qemu)
    await writeAtomically(join(this.folder, RECORD), `${JSON.stringify(record, null, 2)}\n`, 0o600)
    this.#onFileStep('member-recorded')
  }

  async writeKeys(own: KeyPair, qemu: KeyPair): Promise<void> {
    await writeAtomically(join(this.folder, QEMU), qemu.key + qemu.cert, 0o600)
    await writeAtomically(join(this.folder, NODE), own.key + own.cert, 0o600)
    this.#onFileStep('member-keyed')
  }

  /** The record goes first. */
  async remove(): Promise<void> {
    await rm(join(this.folder, RECORD), { force: true })
    this.#onFileStep('member-removed')
    for (const name of [NODE, QEMU]) await rm(join(this.folder, name), { force: true })
  }

  async #pair(name: string): Promise<KeyPair | null> {
    const pem = await readIfThere(join(this.folder, name))
    if (pem === null || parsed(pem) === null) return null
    return { key: keyIn(pem), cert: certificateIn(pem) }
  }
}

function recordIn(text: string): MemberRecord | null {
  try {
    const { node, server, url, ca, joinedAt } = JSON.parse(text) as Readonly<Record<string, unknown>>
    const all = [node, server, url, ca, joinedAt]
    if (!all.every((one) => typeof one === 'string')) return null
    new X509Certificate(String(ca))
    return { node, server, url, ca, joinedAt } as MemberRecord
  } catch {
    return null
  }
}
