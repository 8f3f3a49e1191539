/** So long nothing may happen that is waited for: then it never will. Milliseconds; longer than any machine is busy. */
const silenceMs = 30_000

/** What was waited for has not come. */
export class Silence extends Error {
  override name = 'Silence'
}

/** That something has happened, for whoever waits for a condition. */
export class News {
  readonly #waiting = new Set<() => void>()

  /** Something has happened. */
  tell(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  /** Fulfilled when it is so. Rejects with a {@link Silence} if nothing makes it so. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#next(what)
  }

  #next(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const silence = setTimeout(() => {
        this.#waiting.delete(wake)
        reject(new Silence(`no ${what}`))
      }, silenceMs)
      const wake = () => {
        clearTimeout(silence)
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
    })
  }
}
