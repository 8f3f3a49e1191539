import type { Logger } from 'pino'
import type { InspectorConfig } from '../../config/inspector.ts'
import type { RateLimited } from '../rate-limited.ts'
import type { GateRefusal } from './gate.ts'
import type { Route } from './route.ts'
import { HttpServer, urlOf } from './server.ts'

/** What of the HTTP server may repeat without end, and is summed up in the log. */
export type HttpTrouble = GateRefusal | 'max_connections' | 'route_failed'

/** What the HTTP server tells beside its routes. */
export interface HttpSurroundings {
  /** What the program is called in a sentence: broker. */
  readonly program: string
  readonly log: Logger
  /** Awaited before it listens; it may never be fulfilled. */
  readonly ready?: Promise<unknown>
  readonly repeating: Pick<RateLimited<HttpTrouble>, 'log'>
  /** A connection was closed because there are as many as may be. */
  readonly dropped: () => void
}

/** An HTTP server that listens, or will. */
export interface StartedHttpServer {
  /** As {@link HttpServer.close}. */
  close(): Promise<void>
}

/**
 * Starts the HTTP server; undefined if it is turned off. Nobody waits until it listens. If it can't, that is a warning: what
 * the program does is worth more than looking at it, whoever has the port and whether or not the configuration names it;
 * monitoring learns of it as of a program that is down.
 */
export function startHttpServer(
  inspector: InspectorConfig,
  { program, log, ready, repeating, dropped }: HttpSurroundings,
  routes: readonly Route[],
): StartedHttpServer | undefined {
  if (!inspector.enabled) return undefined
  const { host, port, token, max_connections: maxConnections } = inspector
  const server = new HttpServer(
    { host, port, token, maxConnections },
    {
      refused: reason => repeating.log(reason, 'an HTTP request was refused', { reason }),
      dropped: () => {
        dropped()
        const sentence = 'an HTTP connection was closed: there are as many as may be'
        repeating.log('max_connections', sentence, { max: maxConnections })
      },
      failed: (path, err) => repeating.log('route_failed', 'an HTTP request could not be answered', { path, err }),
    },
  )
  server.add(...routes)
  const closing = new AbortController()
  const listen = () => {
    if (closing.signal.aborted) return
    server.listen().then(
      ({ href, port: bound }) => log.info({ host, port: Number(bound || 80) }, `the inspector listens on ${href}`),
      (error: NodeJS.ErrnoException) => {
        const because = error.code === 'EADDRINUSE' ? 'another process listens there (inspector.port)' : error.message
        const sentence = `the inspector can't listen on ${urlOf(host, port)}: ${because}`
        log.warn(
          { host, port, code: error.code },
          `${sentence}; the ${program} goes on without metrics, health and page`,
        )
      },
    )
  }
  if (ready === undefined) listen()
  else ready.then(listen)
  return {
    close: () => {
      closing.abort()
      return server.close()
    },
  }
}
