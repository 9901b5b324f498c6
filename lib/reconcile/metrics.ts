// Counts passes of controllers, and tells at a scrape what waits and what runs.
import {
  RECONCILE_DEPTH,
  RECONCILE_DURATION,
  RECONCILE_LONGEST,
  RECONCILE_OLDEST,
  RECONCILE_PASSES,
  RECONCILE_RUNNING,
} from '../metrics/catalogue.ts'
import type { Collector, Counts } from '../metrics/metrics.ts'
import type { Sink } from '../metrics/samples.ts'
import type { Controller, ControllerObserver, PassResult } from './controller.ts'

interface Load {
  readonly depth: number
  readonly oldestMs: number
  readonly passes: number
  readonly longestMs: number
}

/** Give it to every controller of a server. */
export class ControllerMetrics implements ControllerObserver, Collector {
  readonly name = 'controllers'
  readonly #counts: Counts
  readonly #controllers = new Set<Controller>()

  constructor(counts: Counts) {
    this.#counts = counts
  }

  started(controller: Controller): void {
    this.#controllers.add(controller)
  }

  stopped(controller: Controller): void {
    this.#controllers.delete(controller)
  }

  passed({ name }: Controller, outcome: PassResult['kind'], ms: number): void {
    this.#counts.inc(RECONCILE_PASSES, { controller: name, outcome })
    this.#counts.observe(RECONCILE_DURATION, { controller: name }, ms / 1000)
  }

  /** The controller in which what somebody waits for waits longest, and for how many milliseconds. */
  latest(): { readonly queue: string; readonly waitMs: number } {
    let latest = { queue: '', waitMs: 0 }
    for (const { name, wantedOldestMs } of this.#controllers)
      if (wantedOldestMs > latest.waitMs) latest = { queue: name, waitMs: wantedOldestMs }
    return latest
  }

  /** Those of one name (one for each host) have one series. */
  collect(sink: Sink): void {
    for (const [controller, load] of this.#loads()) {
      const labels = { controller }
      sink.add(RECONCILE_DEPTH, labels, load.depth)
      sink.add(RECONCILE_OLDEST, labels, load.oldestMs / 1000)
      sink.add(RECONCILE_RUNNING, labels, load.passes)
      sink.add(RECONCILE_LONGEST, labels, load.longestMs / 1000)
    }
  }

  #loads(): ReadonlyMap<string, Load> {
    const loads = new Map<string, Load>()
    for (const { name, depth, oldestMs, running } of this.#controllers) {
      const before = loads.get(name) ?? { depth: 0, oldestMs: 0, passes: 0, longestMs: 0 }
      loads.set(name, {
        depth: before.depth + depth,
        oldestMs: Math.max(before.oldestMs, oldestMs),
        passes: before.passes + running.passes,
        longestMs: Math.max(before.longestMs, running.oldestMs),
      })
    }
    return loads
  }
}
