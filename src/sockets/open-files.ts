import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

/**
 * The files of this process, connections among them: how many it may have open, and how many it has. The limit is the hard one:
 * Node raises the soft one to that when it starts.
 */
export interface OpenFiles {
  readonly limit: number
  readonly open: number
}

/** Looks at them. Undefined where the system can't be asked (no Linux). */
export function openFiles(): OpenFiles | undefined {
  try {
    const [, limit = ''] = /^Max open files +(\w+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    const open = readdirSync('/proc/self/fd').length
    return { limit: limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit), open }
  } catch {
    return undefined
  }
}

/** What the system answers when there is no descriptor: this process has as many files open as it may, or all of them have. */
const outOfDescriptors: readonly unknown[] = ['EMFILE', 'ENFILE']

/** Does this say that there is no descriptor? */
export function isOutOfDescriptors(error: unknown): boolean {
  return outOfDescriptors.includes((error as NodeJS.ErrnoException).code)
}

/**
 * Is there a descriptor for one more file? That is found out by opening one: where there is none, the system accepts connections
 * and closes them at once, and tells nobody.
 */
export function isDescriptorLeft(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'))
    return true
  } catch (error) {
    return !isOutOfDescriptors(error)
  }
}

/** Of a low limit, what is kept free for other files is this part at most. */
const mostKept = 1 / 4

/** Connections that there are descriptors for when so many are kept free for other files. */
export function descriptorsLeft({ limit, open }: OpenFiles, others: number): number {
  return Math.max(1, limit - open - Math.min(others, Math.floor(limit * mostKept)))
}
