// Where a login is kept when nobody says otherwise.
import { join } from 'node:path'
import type { Io } from '../io.ts'

/** Null without a home. */
export const loginFile = (env: Io['env']): string | null => {
  const base = env.XDG_CONFIG_HOME || (env.HOME ? join(env.HOME, '.config') : '')
  return base === '' ? null : join(base, 'berth', 'kubeconfig')
}
