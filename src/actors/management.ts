import type { ManagementEvent } from '../../machines/vocabulary.ts'
import type { DecodedRequest } from '../checking/crossing.ts'
import type { LargeMessages } from '../checking/large-messages.ts'
import { largePart } from '../checking/large-part.ts'
import type { Config } from '../config/schema.ts'
import {
  decodeRequest,
  errorReply,
  type ManagementReply,
  type ManagementRequest,
  type RequestAction,
  type RequestLimit,
  type RequestLimits,
} from '../protocol/management.ts'
import type { ManageSocket, RawRequest } from '../sockets/manage.ts'
import type { Answer, Asking, ManagementActions } from './management-actions.ts'

/** What requests may be, and messages, as it is configured. */
export function requestLimits(config: Config): RequestLimits {
  return {
    validation: config.validation,
    stix20: config.stix20,
    maxValues: config.max_message_values,
    maxTopics: config.max_topics,
    maxMessages: config.max_publish,
  }
}

/** What it takes to answer requests. */
export interface ManagementSurroundings {
  readonly limits: RequestLimits
  readonly largeMessages: Pick<LargeMessages, 'request'>
  readonly actions: ManagementActions
  /** Its chart says what is carried out when. */
  readonly supervisor: { send(event: ManagementEvent): void }
  readonly clients: Pick<ManageSocket, 'reply'>
  readonly reports: {
    reached(limit: RequestLimit): void
    /** Hears how each request was answered. */
    replied(action: RequestAction | 'invalid', reply: ManagementReply): void
  }
}

/** Answers what comes on `manage`: each request once, carried out if it is one that is at present. */
export class Management {
  readonly #surroundings: ManagementSurroundings
  readonly #limits: RequestLimits

  constructor(surroundings: ManagementSurroundings) {
    this.#surroundings = surroundings
    this.#limits = { ...surroundings.limits, reached: limit => surroundings.reports.reached(limit) }
  }

  /** Answers a request. Pending while it is still to be read. */
  answer(request: RawRequest): Promise<void> | undefined {
    const { largeMessages } = this.#surroundings
    const { parts, route, address } = request
    // Without its bytes, which would be held until it is answered.
    const asking = { route, address }
    const large = largePart(parts)
    if (large === undefined) return void this.#handle(asking, decodeRequest(parts, this.#limits))
    return largeMessages.request(large, address).then(decoded => this.#handle(asking, decoded))
  }

  /** Answers what nobody can carry out; of all else the supervisor says whether it is carried out now. */
  #handle(asking: Asking, decoded: DecodedRequest): void {
    if ('status' in decoded) {
      this.#reply(asking, 'invalid', decoded)
      return
    }
    const { action } = decoded
    const { supervisor, actions } = this.#surroundings
    const carryOut = actions[action] as (of: ManagementRequest, asking: Asking) => Answer
    // Messages stay out of the event, which is recorded.
    const shown = 'messages' in decoded ? {} : decoded
    supervisor.send({
      ...asking,
      ...shown,
      type: `management.${action}`,
      carryOut: () => {
        const answer = carryOut(decoded, asking)
        if (answer instanceof Promise) answer.then(reply => this.#reply(asking, action, reply))
        else this.#reply(asking, action, answer)
      },
      refuse: () => this.#reply(asking, action, errorReply('the broker is starting or stopping')),
    })
  }

  #reply({ route }: Asking, action: RequestAction | 'invalid', reply: ManagementReply): void {
    const { clients, reports } = this.#surroundings
    reports.replied(action, reply)
    clients.reply(route, JSON.stringify(reply))
  }
}
