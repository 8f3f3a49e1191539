import type { ServerResponse } from 'node:http'
import { answerText } from '../../observe/http/answers.ts'
import type { Route } from '../../observe/http/route.ts'
import type { Viewer, Watch } from '../recorder.ts'
import { LivePages, maxPages } from './live-pages.ts'
import { room } from './patience.ts'

/** How often a page that nothing happens for hears that the other side is there. */
const signOfLifeMs = 15_000

/** What can be looked at: one program, or several as one. */
export interface Watched {
  watch(viewer: Viewer): Pick<Watch, 'drained' | 'end'>
}

/** The live view, as server-sent events: each is a JSON list of trace records. */
export function liveRoute(watched: Watched): Route {
  const pages = new LivePages()
  return {
    path: '/inspector/live',
    streams: true,
    answer: ({ incoming, address }, response) => {
      if (incoming.method === 'HEAD') return void response.writeHead(200, eventStream).end()
      const close = pages.open({ address, response })
      if (close === undefined) {
        return answerText(response, 503, `There are ${maxPages} pages open, as many as may be.`)
      }
      stream(watched, response, close)
    },
  }
}

const eventStream = { 'Content-Type': 'text/event-stream; charset=utf-8' }

function stream(watched: Watched, response: ServerResponse, ended: () => void): void {
  response.writeHead(200, eventStream)
  let isFull = false
  const watch = watched.watch({
    take: records => {
      if (response.write(`data: [${records.join(',')}]\n\n`)) return true
      if (!isFull) waitForRoom()
      return false
    },
  })
  const signs = setInterval(() => {
    if (!response.writableNeedDrain) response.write(':\n\n')
  }, signOfLifeMs).unref()
  response.on('error', () => response.destroy())
  response.on('close', () => {
    clearInterval(signs)
    watch.end()
    ended()
  })

  async function waitForRoom(): Promise<void> {
    isFull = true
    await room(response)
    isFull = false
    if (!response.destroyed) watch.drained()
  }
}
