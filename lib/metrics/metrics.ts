// Counts what happens and answers scrapes in Prometheus' text format.
//
// INVARIANTS
// - What happens is counted here; what is (depths, sizes, guests) is asked for at a scrape and not kept.
// - A scrape ends by itself: a part that fails or is late is left out and named in `berth_scrape_error`.
// - Nothing is global: a process may have several of these.
import type * as PromClient from 'prom-client'
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { SCRAPE_DURATION, SCRAPE_ERROR } from './catalogue.ts'
import type { Labels, MetricDef } from './define.ts'
import { Counter, Histogram, Registry } from './prom-client.ts'
import { headOf, Samples, type Sink } from './samples.ts'

/** Milliseconds that a part of a scrape may take; Prometheus gives up a scrape after ten seconds unless told otherwise. */
const DEADLINE_MS = 4_000
/** Milliseconds of writing text after which others get their turn. */
const SLICE_MS = 5

/** For those who only count. */
export interface Counts {
  /** @param by not negative; 1 unless told */
  inc<L extends string>(def: MetricDef<'counter', L>, labels: Labels<L>, by?: number): void
  /** One more value of a histogram, in its base unit. */
  observe<L extends string>(def: MetricDef<'histogram', L>, labels: Labels<L>, value: number): void
}

/** A part of a scrape. */
export interface Collector {
  /** Value of the label `collector`. */
  readonly name: string
  /** Gives what is known now. When it throws or is late, all that it gave is left out. */
  collect(sink: Sink, signal: AbortSignal): void | Promise<void>
}

export interface MetricsLog {
  warn(facts: object, message: string): void
}

export interface MetricsOptions {
  readonly clock: Clock
  readonly log: MetricsLog
  /** Every metric that is ever counted or collected. */
  readonly catalogue: readonly MetricDef[]
  /** Milliseconds per collector. Default 4,000. */
  readonly deadlineMs?: number
}

export class Metrics implements Counts {
  readonly #options: MetricsOptions
  readonly #registry = new Registry()
  readonly #counters = new Map<string, PromClient.Counter>()
  readonly #histograms = new Map<string, PromClient.Histogram>()
  readonly #collectors = new Set<Collector>()
  readonly #told = new Map<string, string>()
  #scraping: Promise<string> | null = null

  /** @throws Error for two metrics of one name */
  constructor(options: MetricsOptions) {
    this.#options = options
    for (const { name, help, labels, kind, buckets = [] } of options.catalogue) {
      const common = { name, help, labelNames: [...labels], registers: [this.#registry] }
      if (kind === 'histogram') this.#histograms.set(name, new Histogram({ ...common, buckets: [...buckets] }))
      if (kind === 'counter') this.#counters.set(name, new Counter(common))
    }
  }

  inc<L extends string>(def: MetricDef<'counter', L>, labels: Labels<L>, by = 1): void {
    this.#counters.get(def.name)?.inc(labels, by)
  }

  observe<L extends string>(def: MetricDef<'histogram', L>, labels: Labels<L>, value: number): void {
    this.#histograms.get(def.name)?.observe(labels, value)
  }

  /** Takes part in each scrape from now on. @returns the function that ends it */
  collect(collector: Collector): () => void {
    this.#collectors.add(collector)
    return () => this.#collectors.delete(collector)
  }

  /** All metrics as text, lines ending with a line feed. Scrapes at the same time share one. Never rejects, never hangs. */
  scrape(): Promise<string> {
    this.#scraping ??= this.#scrape().finally(() => {
      this.#scraping = null
    })
    return this.#scraping
  }

  async #scrape(): Promise<string> {
    const about = new Samples()
    const parts = await Promise.all([...this.#collectors].map((collector) => this.#run(collector, about)))
    return await this.#text([...parts, about])
  }

  async #run(collector: Collector, about: Sink): Promise<Samples> {
    const { clock, deadlineMs = DEADLINE_MS, log } = this.#options
    const { name } = collector
    const began = clock.monotonic()
    const ended = new AbortController()
    const over = new AbortController()
    const samples = new Samples()
    const late = clock.sleep(deadlineMs, ended.signal).then(
      () => {
        throw new Error(`no answer within ${deadlineMs} ms`)
      },
      () => undefined,
    )
    try {
      await Promise.race([(async () => collector.collect(samples, over.signal))(), late])
      about.add(SCRAPE_ERROR, { collector: name }, 0)
      this.#told.delete(name)
      return samples
    } catch (error) {
      over.abort(error)
      about.add(SCRAPE_ERROR, { collector: name }, 1)
      const reason = messageOf(error)
      if (this.#told.get(name) !== reason)
        log.warn({ collector: name, reason }, 'a part of the metrics could not be collected')
      this.#told.set(name, reason)
      return new Samples()
    } finally {
      ended.abort()
      about.add(SCRAPE_DURATION, { collector: name }, (clock.monotonic() - began) / 1000)
    }
  }

  async #text(parts: readonly Samples[]): Promise<string> {
    const { clock, catalogue } = this.#options
    const texts: string[] = []
    let turn = clock.monotonic()
    for (const def of catalogue) {
      if (def.kind === 'counter' || def.kind === 'histogram')
        texts.push(await this.#registry.getSingleMetricAsString(def.name))
      else texts.push([headOf(def), ...parts.flatMap((part) => part.linesOf(def))].join('\n'))
      if (clock.monotonic() - turn < SLICE_MS) continue
      await new Promise((resolve) => setImmediate(resolve))
      turn = clock.monotonic()
    }
    return `${texts.join('\n')}\n`
  }
}
