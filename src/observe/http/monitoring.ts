import type { Metrics } from '../metrics.ts'
import { answerJson, answerText } from './answers.ts'
import type { Route } from './route.ts'

/** What monitoring asks a program. */
export interface Monitored {
  /** Why it is not ready to do its work, a sentence each; none: it is. */
  reasonsAgainst(): readonly string[]
  /** Opens its metrics. Called when they are asked for first: whoever is not scraped starts sooner, and needs less. */
  openMetrics(): Promise<Pick<Metrics<never>, 'contentType' | 'text'>>
  /** What `/status` says, to be written as JSON. */
  status(): unknown
}

/** What monitoring asks for: `/healthz`, `/readyz`, `/metrics`, and `/status` for people and programs. */
export function monitoringRoutes(monitored: Monitored): readonly Route[] {
  let metrics: ReturnType<Monitored['openMetrics']> | undefined
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
    {
      path: '/metrics',
      answer: async (_, response) => {
        metrics ??= monitored.openMetrics()
        const { contentType } = await metrics
        const text = await (await metrics).text()
        response.writeHead(200, { 'Content-Type': contentType }).end(text)
      },
    },
    {
      path: '/status',
      answer: (_, response) => answerJson(response, 200, monitored.status()),
    },
  ]
}
