// Who is next, when each group gets its turn: a thousand of one group do not keep the one of another waiting.

export class FairLine {
  /** In the order of their turns; none is empty. Members in the order of their coming. */
  readonly #groups = new Map<string, Set<string>>()
  readonly #groupOf = new Map<string, string>()

  get size(): number {
    return this.#groupOf.size
  }

  has(member: string): boolean {
    return this.#groupOf.has(member)
  }

  /** To the end of its group's line. One that waits already keeps its place. */
  add(member: string, group: string): void {
    if (this.has(member)) return
    this.#groupOf.set(member, group)
    const members = this.#groups.get(group)
    if (members === undefined) this.#groups.set(group, new Set([member]))
    else members.add(member)
  }

  /** @returns whether it waited */
  delete(member: string): boolean {
    const group = this.#groupOf.get(member)
    if (group === undefined) return false
    this.#groupOf.delete(member)
    const members = this.#groups.get(group)
    members?.delete(member)
    if (members?.size === 0) this.#groups.delete(group)
    return true
  }

  /** The first member of the group whose turn it is; that group is the last one then. */
  take(): string | undefined {
    for (const [group, members] of this.#groups) {
      const [member] = members
      if (member === undefined) continue
      this.#groups.delete(group)
      members.delete(member)
      this.#groupOf.delete(member)
      if (members.size > 0) this.#groups.set(group, members)
      return member
    }
    return undefined
  }

  /** How many would be taken before this one if nobody else came; 0 for one that does not wait. */
  ahead(member: string): number {
    const group = this.#groupOf.get(member)
    if (group === undefined) return 0
    const own = [...(this.#groups.get(group) ?? [])].indexOf(member)
    let [ahead, before] = [own, true]
    for (const [name, { size }] of this.#groups) {
      if (name === group) before = false
      else ahead += Math.min(size, before ? own + 1 : own)
    }
    return ahead
  }

  clear(): void {
    this.#groups.clear()
    this.#groupOf.clear()
  }
}
