// Names in order, in pieces: one that comes or goes moves those of its piece and not the fifty thousand behind it.

/** Names of one piece at most; a full one becomes two halves. */
const MOST = 512

/** Index of the first of `count` for which `isBefore` is false; those for which it is true come first. */
function firstNot(count: number, isBefore: (index: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}

export class SortedIds {
  /** None is empty; all of one come before all of the next. */
  readonly #pieces: string[][] = []

  /** One that is not there yet. */
  add(id: string): void {
    // One that comes after all others belongs to the last piece.
    const at = Math.min(this.#pieceOf(id), this.#pieces.length - 1)
    const piece = this.#pieces[at]
    if (piece === undefined) {
      this.#pieces.push([id])
      return
    }
    piece.splice(placeIn(piece, id), 0, id)
    if (piece.length > MOST) this.#pieces.splice(at + 1, 0, piece.splice(MOST >> 1))
  }

  /** One that is there. */
  delete(id: string): void {
    const at = this.#pieceOf(id)
    const piece = this.#pieces[at]
    if (piece === undefined) return
    piece.splice(placeIn(piece, id), 1)
    if (piece.length === 0) this.#pieces.splice(at, 1)
  }

  /** So many at most, in order. */
  first(most: number): string[] {
    const found: string[] = []
    for (const piece of this.#pieces) {
      if (found.length >= most) break
      for (const id of piece.slice(0, most - found.length)) found.push(id)
    }
    return found
  }

  /** All in order, or those that are not before `from` and before `to`. */
  all(from?: string, to?: string): string[] {
    const found: string[] = []
    const begin = from === undefined ? 0 : this.#pieceOf(from)
    for (let at = begin; at < this.#pieces.length; at += 1) {
      const piece = this.#pieces[at] ?? []
      const start = from === undefined || at > begin ? 0 : placeIn(piece, from)
      const end = to === undefined ? piece.length : placeIn(piece, to)
      for (let index = start; index < end; index += 1) found.push(piece[index] ?? '')
      if (end < piece.length) break
    }
    return found
  }

  /** Index of the first piece whose last name is not before `id`. */
  #pieceOf(id: string): number {
    return firstNot(this.#pieces.length, (index) => (this.#pieces[index]?.at(-1) ?? '') < id)
  }
}

const placeIn = (piece: readonly string[], id: string): number =>
  firstNot(piece.length, (index) => (piece[index] ?? '') < id)
