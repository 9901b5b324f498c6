// What a power switch is to a host of a lab: its first process is killed, and with it everything in it.
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Writes the program: `FILE hN` cuts the power of that host, and succeeds when nothing of it is left. @returns its path */
export async function powerSwitch(lab: string): Promise<string> {
  const file = join(lab, 'power-off')
  await writeFile(file, text(lab))
  await chmod(file, 0o755)
  return file
}

const text = (lab: string): string => `#!/bin/bash
set -e
read -r outer <"${lab}/hosts/$1/host.pid"
# One that is off stays off.
[ -e "/proc/$outer" ] || exit 0
read -r init _ <"/proc/$outer/task/$outer/children" || [ -n "$init" ]
kill -9 "$init"
for _ in {1..50}; do
  [ -e "/proc/$init" ] || exit 0
  sleep 0.1
done
exit 1
`
