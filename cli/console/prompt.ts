// One question on the terminal.
import type { Io } from '../io.ts'

/** The line that was typed, without its end; null at the end of the input. Rejects when the command is interrupted. */
export function readLine({ stdin, signal }: Pick<Io, 'stdin' | 'signal'>): Promise<string | null> {
  return new Promise((resolve, reject) => {
    let text = ''
    const finish = (settle: () => void) => {
      stdin.pause()
      stdin.off('data', onData).off('end', onEnd).off('error', onError)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    const onData = (chunk: Uint8Array | string) => {
      text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
      const end = text.indexOf('\n')
      if (end >= 0) finish(() => resolve(text.slice(0, end).trim()))
    }
    const onEnd = () => finish(() => resolve(null))
    const onError = (error: Error) => finish(() => reject(error))
    const onAbort = () => finish(() => reject(signal.reason))
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    stdin.on('data', onData).once('end', onEnd).once('error', onError)
    stdin.resume()
  })
}

export type Answer = 'yes' | 'no' | 'wait'

/** Asks until the answer is one of y, n, w; an empty line and the end of the input are no. */
export async function askTakeOver(io: Io, question: string): Promise<Answer> {
  for (;;) {
    io.stderr.write(`${question} [y/N/w] `)
    const word = (await readLine(io))?.toLowerCase() ?? ''
    if (word === 'y' || word === 'yes') return 'yes'
    if (word === '' || word === 'n' || word === 'no') return 'no'
    if (word === 'w' || word === 'wait') return 'wait'
    io.stderr.write('y takes it over, n leaves it, w waits until it is free\n')
  }
}
