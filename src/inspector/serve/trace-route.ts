import { once } from 'node:events'
import type { Route } from '../../observe/http/route.ts'
import { linesOf, traceParts } from '../trace/trace-file.ts'

/** A recorded trace, as it is in its file: the page reads it whole. */
export function traceRoute(path: string): Route {
  return {
    path: '/inspector/trace',
    streams: true,
    answer: async (_, response) => {
      const parts = traceParts(path)
      response.writeHead(200, { 'Content-Type': 'application/jsonl; charset=utf-8' })
      for await (const line of linesOf(parts)) {
        if (response.destroyed) return
        if (!response.write(`${line}\n`)) await Promise.race([once(response, 'drain'), once(response, 'close')])
      }
      response.end()
    },
  }
}
