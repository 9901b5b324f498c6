// The process of `berth`: signals in, exit code out.
import { EXIT } from './exit-codes.ts'
import { processIo } from './io.ts'
import { run } from './run.ts'

const stop = new AbortController()
let asked = 0
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    asked += 1
    if (asked > 1) process.exit(EXIT.interrupted)
    stop.abort(new Error(`stopped by ${signal}`))
  })
// `berth get vm | head -1` closes the pipe early; that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed)
})

process.exitCode = await run(process.argv, processIo(stop.signal))
// A stdin that was read keeps the process; a command that is over is over.
process.stdin.unref?.()
