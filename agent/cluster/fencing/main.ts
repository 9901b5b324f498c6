// The program of the fencer: `main.js ORDERS`. It imports little, as it runs beside the agent for as long as machines may be failed over.
import { systemClock } from '../../../lib/clock.ts'
import { bootClock } from '../boot-clock.ts'
import { Fencer } from './fencer.ts'

const [, , ordersPath = ''] = process.argv
const stopping = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort())
// What the agent said when it ended is read on; nobody reads what this one says when its terminal is gone.
process.on('SIGHUP', () => undefined)

const fencer = new Fencer({
  ordersPath,
  clock: systemClock,
  bootClock,
  say: (line) => void process.stderr.write(`berth-fencer: ${line}\n`),
})
await fencer.run(stopping.signal)
