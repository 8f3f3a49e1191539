import type { ServerResponse } from 'node:http'
import { answerText } from '../../observe/http/answers.ts'
import type { Route } from '../../observe/http/route.ts'
import type { Viewer, Watch } from '../recorder.ts'

/** Pages that may look at once; one more is answered by 503. */
const maxPages = 8

/** How often a page that nothing happens for hears that the other side is there. */
const signOfLifeMs = 15_000

/** A page that has taken nothing for so long is given up; it asks again by itself when it is back. */
const patienceMs = 60_000

/** What can be looked at: one program, or several as one. */
export interface Watched {
  watch(viewer: Viewer): Pick<Watch, 'drained' | 'end'>
}

/** The live view, as server-sent events: each is a JSON list of trace records. */
export function liveRoute(watched: Watched): Route {
  let pages = 0
  return {
    path: '/inspector/live',
    streams: true,
    answer: ({ incoming }, response) => {
      if (incoming.method === 'HEAD') return void response.writeHead(200, eventStream).end()
      if (pages >= maxPages) return answerText(response, 503, `There are ${maxPages} pages open, as many as may be.`)
      pages++
      stream(watched, response, () => pages--)
    },
  }
}

const eventStream = { 'Content-Type': 'text/event-stream; charset=utf-8' }

function stream(watched: Watched, response: ServerResponse, ended: () => void): void {
  response.writeHead(200, eventStream)
  let patience: NodeJS.Timeout | undefined
  const watch = watched.watch({
    take: records => {
      const takesMore = response.write(`data: [${records.join(',')}]\n\n`)
      if (!takesMore) patience = setTimeout(() => response.destroy(), patienceMs).unref()
      return takesMore
    },
  })
  const signs = setInterval(() => {
    if (!response.writableNeedDrain) response.write(':\n\n')
  }, signOfLifeMs).unref()
  response.on('drain', () => {
    clearTimeout(patience)
    watch.drained()
  })
  response.on('error', () => response.destroy())
  response.on('close', () => {
    clearTimeout(patience)
    clearInterval(signs)
    watch.end()
    ended()
  })
}
