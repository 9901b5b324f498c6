// Raw mode of a terminal, and the way back from it.
import type { Io } from '../io.ts'

/**
 * Attributes off, cursor shown, no mouse reports, no bracketed paste: what a guest's program may have left behind. Not the
 * switch back to the main screen: without a switch before it, it moves the cursor of some terminals.
 */
const TIDY = '\u001b[0m\u001b[?25h\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?2004l'

/** Every key goes through as it is, Ctrl-C too. Returns the function that restores the terminal; calling it twice is harmless. */
export function enterRaw(io: Io): () => void {
  io.stdin.setRawMode?.(true)
  let raw = true
  return () => {
    if (!raw) return
    raw = false
    io.stdin.setRawMode?.(false)
    if (io.stdout.isTTY) io.stdout.write(TIDY)
  }
}
