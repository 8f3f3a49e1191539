import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** A line of a program's log. */
export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** What a process logs. */
export interface ProcessLog {
  /** What it has logged so far. */
  readonly log: readonly LogLine[]
  /** Fulfilled with the first line, past or to come, that `matches`; fails if the process ends before, or after two minutes. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>
}

/**
 * What was not logged for so long, in milliseconds, never will be: the test says so while its own time is not over yet, for
 * then nobody would know what it waited for.
 */
const patienceMs = 120_000

/** Reads the JSON lines that a process logs on standard error; `exited` is fulfilled with its exit code. */
export function readLog(name: string, stderr: Readable, exited: Promise<readonly [number | null]>): ProcessLog {
  const log: LogLine[] = []
  const waiting = new Set<(line: LogLine) => void>()
  createInterface(stderr).on('line', text => {
    // zeromq.js itself says, in words, when it waits at the end of the process for what it still holds.
    if (!text.startsWith('{')) return
    const line = JSON.parse(text) as LogLine
    log.push(line)
    for (const each of waiting) each(line)
  })
  const logged = (matches: (line: LogLine) => boolean) =>
    new Promise<LogLine>((resolve, reject) => {
      const seen = log.find(matches)
      if (seen) return resolve(seen)
      const fail = (why: string) => reject(new Error(`the ${name} ${why}: ${JSON.stringify(log)}`))
      const patience = setTimeout(() => fail(`did not log what ${matches} waits for`), patienceMs).unref()
      const look = (line: LogLine) => {
        if (!matches(line)) return
        waiting.delete(look)
        clearTimeout(patience)
        resolve(line)
      }
      waiting.add(look)
      exited.then(([code]) => fail(`ended with ${code}`))
    })
  return { log, logged }
}
