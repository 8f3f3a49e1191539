/** What `/status` says of every program's process. */
export interface ProcessStatus {
  /** When all of this was so. */
  readonly at: string
  readonly version: string
  readonly node: string
  readonly pid: number
  readonly started: string
  readonly uptime_seconds: number
  readonly memory: { readonly resident_bytes: number; readonly heap_used_bytes: number }
}

/** This process as it is now. */
export function processStatus(version: string): ProcessStatus {
  const uptime = process.uptime()
  const memory = process.memoryUsage()
  return {
    at: new Date().toISOString(),
    version,
    node: process.versions.node,
    pid: process.pid,
    started: new Date(Date.now() - uptime * 1000).toISOString(),
    uptime_seconds: Math.floor(uptime),
    memory: { resident_bytes: memory.rss, heap_used_bytes: memory.heapUsed },
  }
}

/** The counts of which there are any. */
export function withoutZeros(counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}
