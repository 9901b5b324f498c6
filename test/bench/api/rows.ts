// The budgets of the API server, row by row.
import type { Wants } from '../agent.ts'
import type { Row } from '../figures.ts'
import type { Bed } from './bed.ts'
import { createDurably, getOne, listAll, stallOfLists } from './requests.ts'
import { fanOut, manyWatches } from './watches.ts'

/** The ids of all rows, in the order in which they are measured. */
export const apiRows: readonly string[] = [
  'get.one',
  'list.all',
  'list.stall',
  'create.1',
  'create.32',
  'watch.fanout',
  'watch.memory',
  'watch.stall',
]

export async function* measureApi(bed: Bed, wants: Wants): AsyncGenerator<Row> {
  if (wants('get.one')) yield await getOne(bed)
  if (wants('list.all')) yield await listAll(bed)
  if (wants('list.stall')) yield await stallOfLists(bed)
  if (wants('create.1')) yield await createDurably(bed, 1)
  if (wants('create.32')) yield await createDurably(bed, 32)
  if (wants('watch.fanout')) yield await fanOut(bed)
  if (wants('watch.memory') || wants('watch.stall')) yield* await manyWatches(bed)
}
