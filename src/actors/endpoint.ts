import { assign, fromPromise, sendParent } from 'xstate'
import { endpointChart } from '../../machines/endpoint.ts'
import type { EndpointInput, EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { Complete } from './complete.ts'

/** A socket as its endpoint sees it. */
export interface EndpointSocket {
  /** Binds to its address and answers the port. */
  bind(): Promise<number>
  /** Does the socket's work until it is closed; rejects if the socket fails. */
  serve(): Promise<void>
  close(): void
}

/** What endpoints need of the broker. */
export interface EndpointSurroundings {
  readonly sockets: Readonly<Record<EndpointName, EndpointSocket>>
  /** How long to go on trying while an address is taken; 0 means not at all. */
  readonly bindRetryMs: number
}

/** A pause between two tries to bind: doubled with each, from 100 ms to 2 s. */
function bindRetryPauseMs(retries: number): number {
  return Math.min(100 * 2 ** Math.min(retries, 10), 2000)
}

/** How long so many retries have waited. */
function waitedMs(retries: number): number {
  let waited = 0
  for (let retry = 1; retry <= retries; retry++) waited += bindRetryPauseMs(retry)
  return waited
}

/** The endpoint chart, provided with everything it names. One for the three of them. */
export function endpointLogic({ sockets, bindRetryMs }: EndpointSurroundings): typeof endpointChart {
  const implementations: Complete<typeof endpointChart> = {
    actors: {
      bindSocket: fromPromise<number, EndpointInput>(({ input }) => sockets[input.name].bind()),
      serveSocket: fromPromise<void, EndpointInput>(({ input }) => sockets[input.name].serve()),
    },
    actions: {
      rememberPort: assign({
        port: ({ context, event }) => ('output' in event ? event.output : context.port),
      }),
      rememberFailure: assign({ failure: ({ event }) => ('error' in event ? event.error : undefined) }),
      countRetry: assign({ retries: ({ context }) => context.retries + 1 }),
      reportListening: sendParent(({ context }) => ({
        type: 'endpoint.listening',
        name: context.name,
        port: context.port,
      })),
      reportFailure: sendParent(({ context }) => ({
        type: 'endpoint.failed',
        failure: { name: context.name, address: context.address, error: context.failure },
      })),
      closeSocket: ({ context }) => sockets[context.name].close(),
    },
    guards: {
      addressTakenAndWorthWaiting: ({ context, event }) =>
        'error' in event &&
        (event.error as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE' &&
        waitedMs(context.retries) < bindRetryMs,
    },
    delays: { bindRetryPause: ({ context }) => bindRetryPauseMs(context.retries) },
  }
  return endpointChart.provide(implementations)
}
