import type { Route } from '../../observe/http/route.ts'
import { fileRecords } from '../merge/file-records.ts'
import type { FileSource } from '../merge/source.ts'
import { linesOf, traceParts } from '../trace/trace-file.ts'
import { room } from './patience.ts'

/** A recorded trace, as it is in its file, or several in one: the page reads it whole. */
export function traceRoute(files: readonly FileSource[]): Route {
  return {
    path: '/inspector/trace',
    streams: true,
    answer: async (_, response) => {
      const [file] = files
      const lines = files.length === 1 && file ? linesOf(traceParts(file.path)) : mergedLines(files)
      response.writeHead(200, { 'Content-Type': 'application/jsonl; charset=utf-8' })
      for await (const line of lines) {
        if (response.destroyed) return
        if (!response.write(`${line}\n`)) await room(response)
      }
      response.end()
    },
  }
}

async function* mergedLines(files: readonly FileSource[]): AsyncGenerator<string> {
  for await (const record of fileRecords(files)) yield JSON.stringify(record)
}
