import { readlinkSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { basename } from 'node:path'

/**
 * From now on whatever else wants a processor goes before this thread. On Linux a thread has a priority of its own; elsewhere it
 * stays as it is.
 */
export function yieldToOthers(): void {
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // It is a courtesy.
  }
}
