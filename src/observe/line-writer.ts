import { writeSync } from 'node:fs'

/** Milliseconds that a write waits, if nothing else is said, for a slow reader of a pipe until its line is given up. */
const defaultPatience = 200

/** Milliseconds between two attempts meanwhile. */
const pause = 5

/** Told about lines that could not be written. */
export interface LossReport {
  /** The first line of a run of losses was lost. */
  began(error: Error): void
  /** Lines can be written again; `lost` were not. */
  ended(lost: number): void
}

/**
 * Writes log lines to a file descriptor, each before `write` returns. That is deliberate: whatever ends the process next,
 * a crash or an exit, the line that tells why is out, and nothing needs flushing. A log has a few lines a second at most
 * (see rate-limited.ts), so it costs nothing that matters.
 *
 * A log that can't be written must not stop the bus either: a line that the disk or the pipe refuses is given up, counted
 * and told in one report for the whole run of losses. Never throws.
 */
export class LineWriter {
  #descriptor: number | undefined
  readonly #report: LossReport | undefined
  readonly #patience: number
  #lost = 0
  /** What ends a line that was written in part, before the next one begins. */
  #mend = ''

  /**
   * @param descriptor where to write; whoever opened it closes it
   * @param patience milliseconds to wait for a slow reader of a pipe until a line is given up
   */
  constructor(descriptor: number, report?: LossReport, patience = defaultPatience) {
    this.#descriptor = descriptor
    this.#report = report
    this.#patience = patience
  }

  /** Writes a line, which ends in a newline. Without a descriptor it goes nowhere. */
  write(line: string): void {
    const descriptor = this.#descriptor
    if (descriptor === undefined) return
    const bytes = Buffer.from(this.#mend + line)
    let written = 0
    try {
      while (written < bytes.length) written += this.#writeSome(descriptor, bytes.subarray(written))
    } catch (error) {
      if (written > 0) this.#mend = '\n'
      this.#lost++
      if (this.#lost === 1) this.#report?.began(error as Error)
      return
    }
    this.#mend = ''
    const lost = this.#lost
    this.#lost = 0
    if (lost > 0) this.#report?.ended(lost)
  }

  /** Goes on with another descriptor, or with none. Returns the one used until now, for the caller to close. */
  replace(descriptor: number | undefined): number | undefined {
    const before = this.#descriptor
    this.#descriptor = descriptor
    this.#mend = ''
    return before
  }

  #writeSome(descriptor: number, bytes: Buffer): number {
    for (let waited = 0; ; waited += pause) {
      try {
        return writeSync(descriptor, bytes)
      } catch (error) {
        // A pipe that is full and not blocking. Within a run of losses nobody is waited for again.
        const full = (error as NodeJS.ErrnoException).code === 'EAGAIN'
        if (!full || this.#lost > 0 || waited >= this.#patience) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause)
      }
    }
  }
}
