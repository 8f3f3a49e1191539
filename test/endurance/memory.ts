import { readFileSync } from 'node:fs'

/** The memory of a process: all that is in memory, and what of it is its own and no file's. In MiB. Linux only. */
export interface Memory {
  readonly resident: number
  readonly anonymous: number
}

/** Reads the memory of a process. */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mebibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { resident: mebibytes('VmRSS'), anonymous: mebibytes('RssAnon') }
}

/** Looks at the memory of a process every so often, and remembers the most it had. */
export class MemoryWatch {
  readonly start: Memory
  #most: Memory
  readonly #timer: NodeJS.Timeout

  constructor(pid: number) {
    this.start = this.#most = memoryOf(pid)
    this.#timer = setInterval(() => {
      const now = memoryOf(pid)
      this.#most = {
        resident: Math.max(now.resident, this.#most.resident),
        anonymous: Math.max(now.anonymous, this.#most.anonymous),
      }
    }, 100)
  }

  /** By how much it grew at most. */
  stop(): Memory {
    clearInterval(this.#timer)
    return {
      resident: Math.round(this.#most.resident - this.start.resident),
      anonymous: Math.round(this.#most.anonymous - this.start.anonymous),
    }
  }
}
