/** Ids in groups, in each the oldest first. */
export class Groups {
  readonly #groups = new Map<string, Set<string>>()

  /** The ids of a group. */
  of(group: string): ReadonlySet<string> {
    return this.#groups.get(group) ?? none
  }

  /** The group with the most ids; of those with as many, the oldest. */
  get largest(): ReadonlySet<string> {
    let largest = none
    for (const ids of this.#groups.values()) if (ids.size > largest.size) largest = ids
    return largest
  }

  /** The id belongs to this group from now on. */
  add(group: string, id: string): void {
    const ids = this.#groups.get(group) ?? new Set()
    this.#groups.set(group, ids.add(id))
  }

  /** It does not any more. */
  delete(group: string, id: string): void {
    const ids = this.#groups.get(group)
    if (ids?.delete(id) && ids.size === 0) this.#groups.delete(group)
  }
}

const none: ReadonlySet<string> = new Set()
