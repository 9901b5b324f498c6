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

  collect(sink: Sink): void {
    for (const { name, depth, oldestMs, running } of this.#controllers) {
      const labels = { controller: name }
      sink.add(RECONCILE_DEPTH, labels, depth)
      sink.add(RECONCILE_OLDEST, labels, oldestMs / 1000)
      sink.add(RECONCILE_RUNNING, labels, running.passes)
      sink.add(RECONCILE_LONGEST, labels, running.oldestMs / 1000)
    }
  }
}
