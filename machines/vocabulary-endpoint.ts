/** The words of the endpoint's chart. Types only, nothing here runs. */
import type { DoneActorEvent, ErrorActorEvent, PromiseActorLogic } from 'xstate'

/** The three sockets of the broker, by their name in the protocol (PROTOCOL "Endpoints"). */
export type EndpointName = 'manage' | 'pub' | 'sub'

/** What an endpoint hears. */
export type EndpointEvent =
  | { type: 'close' }
  | DoneActorEvent<number, 'bindSocket'>
  | ErrorActorEvent<unknown, 'bindSocket' | 'serveSocket'>

/** What an endpoint is born with. */
export interface EndpointInput {
  readonly name: EndpointName
  /** The address to bind, `tcp://host:port`; port 0 lets the system choose. */
  readonly address: string
}

/** An endpoint that could not listen, or stopped listening. */
export interface EndpointFailure extends EndpointInput {
  readonly error: unknown
}

/** The types of the endpoint chart. */
export interface EndpointTypes {
  input: EndpointInput
  context: EndpointInput & { port: number | undefined; retries: number; failure: unknown }
  events: EndpointEvent
  actors:
    | { src: 'bindSocket'; id: 'bindSocket'; logic: PromiseActorLogic<number, EndpointInput> }
    | { src: 'serveSocket'; id: 'serveSocket'; logic: PromiseActorLogic<void, EndpointInput> }
  actions:
    | { type: 'rememberPort' }
    | { type: 'countRetry' }
    | { type: 'rememberFailure' }
    | { type: 'reportListening' }
    | { type: 'closeSocket' }
    | { type: 'reportFailure' }
  guards: { type: 'addressTakenAndWorthWaiting' }
  delays: 'bindRetryPause'
}
