// Splits a byte stream into lines of bounded length, the framing of a watch.
import { ApiError } from '../errors.ts'

/** Bytes of one line at most: an object of the largest size, twice escaped, fits. */
export const MAX_LINE_BYTES = 4 * 1_048_576

/** The lines of `body` without their ends; empty ones are left out. A last line without an end counts only when it is not empty. */
export async function* splitLines(body: AsyncIterable<Uint8Array>, limit = MAX_LINE_BYTES): AsyncIterable<string> {
  let parts: Uint8Array[] = []
  let held = 0
  const take = (tail: Uint8Array): string => {
    const line = Buffer.concat([...parts, tail])
      .toString('utf8')
      .trim()
    parts = []
    held = 0
    return line
  }
  for await (const chunk of body) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = take(chunk.subarray(from, end))
      from = end + 1
      if (line !== '') yield line
    }
    parts.push(chunk.subarray(from))
    held += chunk.length - from
    if (held > limit) throw new ApiError('RequestEntityTooLarge', `a line of the answer is longer than ${limit} bytes`)
  }
  const last = take(new Uint8Array())
  if (last !== '') yield last
}
