/** Every way in which the client library fails, by name. Errors, events and exit codes use these names and no others. */
export type BusErrorCode =
  | 'invalid_argument'
  | 'invalid_message'
  | 'bus_unavailable'
  | 'unintelligible_reply'
  | 'subscription_refused'
  | 'bus_closed'

/** What the client library throws. `code` says which kind it is, `message` says it to people. */
export abstract class BusError extends Error {
  abstract readonly code: BusErrorCode

  override get name(): string {
    return this.constructor.name
  }
}

/** An argument that can't be meant: thrown at once, before anything is sent. */
export class InvalidArgumentError extends BusError {
  readonly code = 'invalid_argument'
}

/** What was to be published is no indicator or sighting, or what was received is not JSON. */
export class InvalidMessageError extends BusError {
  readonly code = 'invalid_message'
}

/** The bus did not answer, or did not take a message, within the time it has. */
export class BusUnavailableError extends BusError {
  readonly code = 'bus_unavailable'
}

/** Something answered, but not as a bus does. */
export class UnintelligibleReplyError extends BusError {
  readonly code = 'unintelligible_reply'
}

/** The bus does not grant the subscription. */
export class SubscriptionRefusedError extends BusError {
  readonly code = 'subscription_refused'
}

/** The bus object was closed, so nothing can be asked of it any more. */
export class BusClosedError extends BusError {
  readonly code = 'bus_closed'

  constructor(message = 'this connection to the bus was closed') {
    super(message)
  }
}
