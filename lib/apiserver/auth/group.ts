// Groups of the machine.
import { readFile } from 'node:fs/promises'
import { execa } from 'execa'

const LOOKUP_MS = 5_000

/** The number of a group, null when there is none of that name. Directory services are asked through `getent` where it exists. */
export async function groupId(name: string): Promise<number | null> {
  const found = await execa('getent', ['group', '--', name], { reject: false, timeout: LOOKUP_MS })
  const text = found.exitCode === undefined ? await readFile('/etc/group', 'utf8') : found.stdout
  for (const line of text.split('\n')) {
    const [group, , id] = line.split(':')
    if (group === name && id !== undefined && /^\d+$/.test(id)) return Number(id)
  }
  return null
}
