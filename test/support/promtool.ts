// Prometheus' own checker, from Debian's package `prometheus`, unpacked into the cache and not installed.
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

const LIB = fileURLToPath(new URL('../../scripts/lib', import.meta.url))
const FETCH_MS = 240_000

/** What promtool says to these arguments. @throws with its words when it does not like something */
export async function promtool(args: readonly string[], input = ''): Promise<string> {
  const fetch = '. "$0/common.sh" && . "$0/packages.sh" && unpacked prometheus'
  const { stdout: folder } = await execa('bash', ['-c', fetch, LIB], { timeout: FETCH_MS, stderr: 'inherit' })
  const { all } = await execa(`${folder}/usr/bin/promtool`, args, { input, all: true })
  return all
}
