/**
 * The verdict about KVM, kept for as long as it holds: a host does not change its mind before it boots again, and an
 * agent that starts again must not spend seconds on asking.
 */
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostReader } from './host-reader.ts'
import type { KvmVerdict } from './kvm-judge.ts'

export interface VerdictKey {
  readonly bootId: string
  /** Of QEMU, packed or not: another QEMU is asked anew. */
  readonly qemuVersion: string
}

const FILE = 'kvm-verdict.json'

/** The kept verdict when boot and QEMU are the same; else a new one, which is kept. */
export async function rememberedVerdict(
  host: HostReader,
  stateDir: string,
  key: VerdictKey,
  judge: () => Promise<KvmVerdict>,
): Promise<KvmVerdict> {
  const path = join(stateDir, FILE)
  const kept = parseKept(await host.readText(path))
  if (kept !== undefined && kept.bootId === key.bootId && kept.qemuVersion === key.qemuVersion) return kept.verdict
  const verdict = await judge()
  // A module may yet be loaded, a device be given permissions: only what was measured is kept.
  if (verdict.ratio !== undefined) await writeAtomically(path, JSON.stringify({ ...key, verdict }))
  return verdict
}

async function writeAtomically(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

function parseKept(text: string | undefined): (VerdictKey & { verdict: KvmVerdict }) | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return isKept(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Guards against a file of another release; what we wrote ourselves is otherwise believed. */
function isKept(value: unknown): value is VerdictKey & { verdict: KvmVerdict } {
  if (typeof value !== 'object' || value === null || !('verdict' in value)) return false
  const { verdict } = value
  if (typeof verdict !== 'object' || verdict === null) return false
  return 'usable' in verdict && 'reason' in verdict && 'message' in verdict && typeof verdict.message === 'string'
}
