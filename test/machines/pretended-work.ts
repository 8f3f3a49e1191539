interface Work {
  readonly name: string
  resolve(answer: unknown): void
  reject(error: unknown): void
}

/** Work that a chart invokes, which is only pretended: it is done, or fails, when the test says so. */
export class PretendedWork {
  readonly #pending: Work[] = []

  /** What is being done, the oldest first. */
  get names(): readonly string[] {
    return this.#pending.map(({ name }) => name)
  }

  /** Begins some work; with a signal, it is forgotten when that is aborted. */
  begin<Answer>(name: string, signal?: AbortSignal): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const work = { name, resolve: resolve as (answer: unknown) => void, reject }
      this.#pending.push(work)
      signal?.addEventListener('abort', () => this.#take(work))
    })
  }

  /** The oldest work of that name is done. Says whether there was any. */
  done(name: string, answer?: unknown): boolean {
    const work = this.#take(this.#pending.find(each => each.name === name))
    work?.resolve(answer)
    return work !== undefined
  }

  /** The oldest work of that name fails. */
  failed(name: string): boolean {
    const work = this.#take(this.#pending.find(each => each.name === name))
    work?.reject(new Error(`${name} failed`))
    return work !== undefined
  }

  #take(work: Work | undefined): Work | undefined {
    const at = work === undefined ? -1 : this.#pending.indexOf(work)
    if (at >= 0) this.#pending.splice(at, 1)
    return work
  }
}
