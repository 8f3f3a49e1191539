import type { ServerResponse } from 'node:http'
import type { Metrics } from '../metrics.ts'
import { answerText, jsonText, jsonType } from './answers.ts'
import type { Route } from './route.ts'
import { SharedAnswer } from './shared-answer.ts'

/** What monitoring asks a program. */
export interface Monitored {
  /** Why it is not ready to do its work, a sentence each; none: it is. */
  reasonsAgainst(): readonly string[]
  /** Opens its metrics. Called when they are asked for first: whoever is not scraped starts sooner, and needs less. */
  openMetrics(): Promise<Pick<Metrics<never>, 'contentType' | 'text'>>
  /** What `/status` says, to be written as JSON. */
  status(): unknown
}

/** An answer as it is sent: to however many at once, it is there once. */
interface Written {
  readonly type: string
  readonly bytes: Buffer
}

/** What monitoring asks for: `/healthz`, `/readyz`, `/metrics`, and `/status` for people and programs. */
export function monitoringRoutes(monitored: Monitored): readonly Route[] {
  let opened: ReturnType<Monitored['openMetrics']> | undefined
  const metrics = async (): Promise<Written> => {
    opened ??= monitored.openMetrics()
    const open = await opened
    return { type: open.contentType, bytes: Buffer.from(await open.text()) }
  }
  const status = async (): Promise<Written> => {
    return { type: jsonType, bytes: Buffer.from(jsonText(await monitored.status())) }
  }
  return [
    {
      path: '/healthz',
      // That it is answered is what it says: the process is there, and its event loop turns.
      answer: (_, response) => answerText(response, 200, 'ok'),
    },
    {
      path: '/readyz',
      answer: (_, response) => {
        const reasons = monitored.reasonsAgainst()
        if (reasons.length === 0) answerText(response, 200, 'ready')
        else answerText(response, 503, reasons.map(reason => `not ready: ${reason}`).join('\n'))
      },
    },
    sharedRoute('/metrics', metrics),
    sharedRoute('/status', status),
  ]
}

/** A route whose answer takes work, which is done once a second at most, whoever asks. */
function sharedRoute(path: string, work: () => Promise<Written>): Route {
  const shared = new SharedAnswer(work)
  return {
    path,
    answer: async ({ incoming }, response) => {
      // "A response that was not validated" is not wanted (RFC 9111, section 5.2.1.4).
      const wantsNew = /\bno-cache\b/i.test(incoming.headers['cache-control'] ?? '')
      const { value, ageMs } = await (wantsNew ? shared.askAnew() : shared.ask())
      send(response, value, ageMs)
    },
  }
}

function send(response: ServerResponse, { type, bytes }: Written, ageMs: number): void {
  // RFC 9111, section 5.1: in seconds.
  response.writeHead(200, { 'Content-Type': type, Age: Math.round(ageMs / 1000) }).end(bytes)
}
