/** The first serial port: a pty that the console stream opens, with an optional log of all that the guest writes. */
import { el, type XmlElement } from '../../xml/index.ts'

export function serialConsole(logPath: string | undefined): XmlElement[] {
  return [
    el(
      'serial',
      { type: 'pty' },
      logPath === undefined ? undefined : el('log', { file: logPath, append: 'on' }),
      el('target', { type: 'isa-serial', port: 0 }),
    ),
    el('console', { type: 'pty' }, el('target', { type: 'serial', port: 0 })),
  ]
}
