// `berth events`: what happened in a namespace, or to one virtual machine.
import { paintPhase } from '../format/colour.ts'
import { line, widths } from '../format/columns.ts'
import { EVENT_HEADER, type EventObject, type EventRow, eventRow, inOrder } from '../format/event-rows.ts'
import { note, print } from '../io.ts'
import type { Session } from '../session.ts'
import { UsageError } from '../usage.ts'

export interface EventsOptions {
  readonly allNamespaces?: boolean
  readonly watch?: boolean
  readonly headers: boolean
}

export async function events(session: Session, options: EventsOptions, vm: string | undefined): Promise<void> {
  const { client, io } = session
  if (vm !== undefined && options.allNamespaces)
    throw new UsageError('a virtual machine is named within one namespace: use -n, not -A')
  const resource = (await client.catalog(io.signal)).resolve('events')
  const scope = {
    namespace: options.allNamespaces ? undefined : session.namespace,
    fieldSelector: vm === undefined ? undefined : `involvedObject.kind=VirtualMachine,involvedObject.name=${vm}`,
  }
  const printer = new EventPrinter(session, options)
  if (!options.watch) {
    const { items } = await client.objects.list<EventObject>(resource, scope, { signal: io.signal })
    if (items.length === 0)
      return note(io, `no events found${options.allNamespaces ? '' : ` in namespace ${session.namespace}`}`)
    return printer.show(items)
  }
  for await (const change of client.objects.follow<EventObject>(resource, scope, { signal: io.signal })) {
    if (change.type === 'sync') printer.show(change.items)
    if (change.type === 'put') printer.show([change.object])
  }
}

/** Prints each state of an event once, in columns that the first batch sized. */
class EventPrinter {
  readonly #session: Session
  readonly #options: EventsOptions
  readonly #seen = new Map<string, string>()
  #widths: readonly number[] | undefined

  constructor(session: Session, options: EventsOptions) {
    this.#session = session
    this.#options = options
  }

  show(batch: readonly EventObject[]): void {
    const { io, paint } = this.#session
    const now = io.clock.now()
    const rows = inOrder(batch.filter((event) => this.#isNews(event))).map((event) => this.#row(event, now))
    if (rows.length === 0) return
    const header = this.#options.allNamespaces ? ['NAMESPACE', ...EVENT_HEADER] : [...EVENT_HEADER]
    const first = this.#widths === undefined
    const sized = widths(this.#options.headers ? [header, ...rows] : rows, this.#widths ?? [])
    this.#widths = sized
    if (first && this.#options.headers)
      print(
        io,
        line(header, sized, (cell) => paint('bold', cell)),
      )
    const type = header.indexOf('TYPE')
    for (const row of rows)
      print(
        io,
        line(row, sized, (cell, index) => (index === type ? paintPhase(paint, cell) : cell)),
      )
  }

  #row(event: EventObject, now: number): EventRow | string[] {
    const row = eventRow(event, now)
    return this.#options.allNamespaces ? [event.metadata.namespace ?? '', ...row] : row
  }

  #isNews({ metadata }: EventObject): boolean {
    const before = this.#seen.get(metadata.uid)
    this.#seen.set(metadata.uid, metadata.resourceVersion)
    return before !== metadata.resourceVersion
  }
}
