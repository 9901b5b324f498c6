// What a process says about itself: CPU, memory, files, and how late its event loop is.
import { readdir } from 'node:fs/promises'
import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import {
  BUILD_INFO,
  HEAP_USED,
  LOOP_ACTIVE,
  LOOP_LAG,
  PROCESS_CPU,
  PROCESS_FDS,
  PROCESS_RSS,
  PROCESS_START,
} from './catalogue.ts'
import type { Collector } from './metrics.ts'
import type { Sink } from './samples.ts'

export interface ProcessFacts {
  /** The program: `berth-agent`. */
  readonly component: string
  readonly version: string
}

export function processCollector({ component, version }: ProcessFacts): Collector {
  const lag = new LoopLag()
  return {
    name: 'process',
    collect: async (sink) => {
      const { user, system } = process.cpuUsage()
      sink.add(BUILD_INFO, { component, version, node_version: process.versions.node }, 1)
      sink.add(PROCESS_CPU, {}, (user + system) / 1e6)
      sink.add(PROCESS_RSS, {}, process.memoryUsage.rss())
      sink.add(HEAP_USED, {}, process.memoryUsage().heapUsed)
      sink.add(PROCESS_START, {}, Math.round(Date.now() / 1000 - process.uptime()))
      sink.add(LOOP_ACTIVE, {}, performance.eventLoopUtilization().active / 1000)
      lag.tell(sink)
      sink.add(PROCESS_FDS, {}, (await readdir('/proc/self/fd')).length)
    },
  }
}

/** Milliseconds between two looks at the clock; each costs some microseconds (0.2 % of a core in all). */
const RESOLUTION_MS = 20
/** Without a scrape for so long nobody looks, and the clock is not looked at either. */
const IDLE_MS = 300_000

/** How late timers are. Runs only while somebody asks for it. */
class LoopLag {
  #histogram: IntervalHistogram | null = null
  #stop: NodeJS.Timeout | null = null

  tell(sink: Sink): void {
    if (this.#stop !== null) clearTimeout(this.#stop)
    this.#stop = setTimeout(() => this.#rest(), IDLE_MS)
    this.#stop.unref()
    if (this.#histogram === null) {
      this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
      this.#histogram.enable()
      return
    }
    const lag = this.#histogram
    // What it measures is from one look to the next.
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000)
    if (lag.count > 0) {
      sink.add(LOOP_LAG, { percentile: '50' }, late(lag.percentile(50)))
      sink.add(LOOP_LAG, { percentile: '99' }, late(lag.percentile(99)))
      sink.add(LOOP_LAG, { percentile: '100' }, late(lag.max))
    }
    lag.reset()
  }

  #rest(): void {
    this.#histogram?.disable()
    this.#histogram = null
  }
}
