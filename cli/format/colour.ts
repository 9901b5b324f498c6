// Colours, on a terminal that wants them.
import { styleText } from 'node:util'
import type { Io, Output } from '../io.ts'

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'
export type Paint = (style: Style, text: string) => string

/** Paints when the output is a terminal and neither NO_COLOR nor TERM=dumb says otherwise (no-color.org). */
export function painter(io: Io, output: Output = io.stdout): Paint {
  const plain = output.isTTY !== true || (io.env.NO_COLOR ?? '') !== '' || io.env.TERM === 'dumb'
  return plain ? (_style, text) => text : (style, text) => styleText(style, text, { validateStream: false })
}

/** Words of phases and conditions that are good, bad or on their way. */
const GOOD = new Set(['Running', 'Ready', 'Completed', 'Active', 'Bound', 'Attached', 'Normal'])
const BAD = new Set(['Failed', 'Degraded', 'Lost', 'ImageLost', 'PVCLost', 'Warning', 'Orphaned'])
const MOVING = new Set([
  'Pending',
  'Starting',
  'Stopping',
  'Terminating',
  'Provisioning',
  'Resizing',
  'WaitForUserUpload',
  'InProgress',
  'Migrating',
  'Pause',
])

export function paintPhase(paint: Paint, word: string): string {
  if (GOOD.has(word)) return paint('green', word)
  if (BAD.has(word)) return paint('red', word)
  return MOVING.has(word) ? paint('yellow', word) : word
}

/** True when the terminal shows more than ASCII. */
export function showsUnicode({ env, stdout }: Io): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  return stdout.isTTY === true && /utf-?8/i.test(locale)
}
