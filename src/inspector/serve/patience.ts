import type { ServerResponse } from 'node:http'

/** A page that has taken nothing for so long is given up; it asks again by itself when it is back. */
const patienceMs = 60_000

/**
 * Fulfilled when whoever asked takes more, or is gone; who takes nothing for a minute is. To be called when a write has said
 * that there is no room.
 */
export function room(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => response.destroy(), patienceMs).unref()
    const go = () => {
      clearTimeout(timer)
      response.off('drain', go)
      response.off('close', go)
      resolve()
    }
    response.on('drain', go)
    response.on('close', go)
  })
}
