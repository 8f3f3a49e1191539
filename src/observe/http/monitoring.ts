import type { Metrics } from '../metrics.ts'
import type { Rates } from '../rates.ts'
import { reasonsAgainst } from '../readiness.ts'
import { type Observed, read, readReadiness } from '../readings.ts'
import { statusOf } from '../status.ts'
import { answerJson, answerText } from './answers.ts'
import type { Route } from './route.ts'

/** What monitoring asks for: `/healthz`, `/readyz`, `/metrics`, and `/status` for people and programs. */
export function monitoringRoutes(observed: Observed, rates: Rates, version: string): readonly Route[] {
  let metrics: Promise<Metrics> | undefined
  return [
    {
      path: '/healthz',
      // That it is answered is what it says: the process is there, and its event loop turns.
      answer: (_, response) => answerText(response, 200, 'ok'),
    },
    {
      path: '/readyz',
      answer: (_, response) => {
        const reasons = reasonsAgainst(readReadiness(observed))
        if (reasons.length === 0) answerText(response, 200, 'ready')
        else answerText(response, 503, reasons.map(reason => `not ready: ${reason}`).join('\n'))
      },
    },
    {
      path: '/metrics',
      answer: async (_, response) => {
        metrics ??= openMetrics(observed, version)
        const { contentType } = await metrics
        const text = await (await metrics).text()
        response.writeHead(200, { 'Content-Type': contentType }).end(text)
      },
    },
    {
      path: '/status',
      answer: (_, response) => answerJson(response, 200, statusOf(observed, rates, version)),
    },
  ]
}

/** Loaded when it is asked for: whoever is not scraped starts sooner, and without what it takes. */
async function openMetrics(observed: Observed, version: string): Promise<Metrics> {
  const { Metrics } = await import('../metrics.ts')
  return new Metrics(() => read(observed), { version })
}
