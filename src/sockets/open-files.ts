import { readdirSync, readFileSync } from 'node:fs'

/** The files of this process, connections among them: how many it may have open, and how many it has. */
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

/** Of a low limit, what is kept free for other files is this part at most. */
const mostKept = 1 / 4

/** Connections that there are descriptors for when so many are kept free for other files. */
export function descriptorsLeft({ limit, open }: OpenFiles, others: number): number {
  return Math.max(1, limit - open - Math.min(others, Math.floor(limit * mostKept)))
}
