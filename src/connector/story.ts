import type { Logger } from 'pino'
import type { ConnectorStep, LiveMatcherStep } from '../../machines/vocabulary-connector.ts'
import type { BusEvent } from '../client/events.ts'
import type { HttpTrouble } from '../observe/http/start.ts'
import { type Fields, RateLimited } from '../observe/rate-limited.ts'
import type { Counters, Loss } from './counters.ts'
import type { Untimed } from './sightings.ts'

const steps = {
  subscribed: ['info', 'subscribed: indicators come in'],
  unsubscribed: ['warn', 'the bus grants no subscription; trying again'],
  vast_there: ['info', 'VAST is there'],
  vast_away: ['warn', 'VAST does not answer; what is to be matched waits until it does'],
  stopping: ['info', 'stopping: no indicator is taken any more, queries that run may end'],
  out_of_time: ['warn', 'queries still run at the deadline (shutdown_timeout); they are killed'],
  sightings_left: ['warn', 'the bus did not take all sightings in time (flush_timeout)'],
} as const satisfies Record<ConnectorStep['step'], readonly ['info' | 'warn', string]>

/** Tells an operator what happens, and counts what is lost. */
export class ConnectorStory {
  readonly #log: Logger
  readonly #counters: Counters
  readonly #repeated: RateLimited
  readonly #troubles: RateLimited

  constructor(log: Logger, counters: Counters) {
    this.#log = log
    this.#counters = counters
    this.#repeated = new RateLimited((fields, sentence) => log.warn(fields, sentence))
    this.#troubles = new RateLimited((fields, sentence) => log.warn(fields, sentence))
  }

  /** Events that had no line of their own. */
  get heldBack(): number {
    return this.#repeated.heldBack + this.#troubles.heldBack
  }

  /** A request over HTTP was refused, or could not be answered. */
  readonly http: Pick<RateLimited<HttpTrouble>, 'log'> = {
    log: (key, sentence, fields) => this.#repeated.log(key, sentence, fields),
  }

  /** A step of the connector's chart. `trouble` is what was wrong with the bus, or with VAST. */
  step({ step }: ConnectorStep, trouble: unknown): void {
    const [level, sentence] = steps[step]
    if (step === 'unsubscribed') this.#troubles.log(step, `${sentence}: ${messageOf(trouble)}`)
    else this.#log[level](step === 'vast_away' ? `${sentence}: ${messageOf(trouble)}` : sentence)
  }

  /** A step of the live matcher's chart. `because` is what became of its process. */
  matcherStep(step: LiveMatcherStep, matcher: string, because: string): void {
    if (step.step === 'attached') this.#log.info({ matcher }, 'the live matcher is attached')
    else if (step.reason === 'vast_away') this.#log.warn({ matcher }, 'the live matcher is given up: VAST is away')
    else this.#troubles.log('matcher', `the live matcher ended; it is attached anew: ${because}`, { matcher })
  }

  /** What happens by itself in the connection to the bus. */
  busEvent(event: BusEvent): void {
    switch (event.event) {
      case 'away':
        this.#log.warn('the bus is away; sightings wait until it is back')
        break
      case 'back':
        this.#log.info('the bus is back')
        break
      case 'forgotten':
        this.#log.warn('the bus does not know the subscription any more; subscribing again')
        break
      case 'resubscribed':
        this.#log.info('subscribed again')
        break
      case 'refused':
        this.#troubles.log('refused', `the bus refuses the subscription; trying again: ${messageOf(event.error)}`)
        break
      case 'without_receipts':
        this.#log.warn(
          { reason: event.reason },
          'the bus gives no receipts: sightings are sent, and nothing confirms that they arrive',
        )
        break
      case 'with_receipts':
        this.#log.info('the bus gives receipts')
        break
      case 'frame_ignored':
        this.#repeated.log('frame_ignored', `a frame from the bus was passed over (${event.reason})`)
    }
  }

  /** Something could not be matched or reported, and was left out. Counted, and logged once in a while. */
  lost(reason: Loss, sentence: string, fields: Fields = {}, times = 1): void {
    this.#counters.lost(reason, times)
    this.#repeated.log(reason, sentence, { reason, ...fields })
  }

  /** A sighting goes without `last_seen`, if there is a reason. Counted and logged as what is left out. */
  untimed(untimed: Untimed | undefined, fields: Fields = {}): void {
    if (untimed !== undefined) this.lost(untimed.reason, `a sighting goes without last_seen: ${untimed.detail}`, fields)
  }

  /** Something did not work and is tried again; `key` is what. */
  trouble(key: string, sentence: string, fields: Fields = {}): void {
    this.#troubles.log(key, sentence, fields)
  }

  /** The end: what was summed up, and what was done. `waiting` is what is left, and whether it is kept. */
  close(waiting: { indicators: number; sightings: number; kept: boolean }): void {
    this.#repeated.close()
    this.#troubles.close()
    const { indicators, sightings, kept } = waiting
    if (sightings > 0 && !kept) this.#log.error({ sightings }, 'sightings are lost: the bus did not take them')
    if (kept && sightings + indicators > 0) {
      this.#log.info({ indicators, sightings }, 'what waits is kept on disk for the next start')
    }
    const lost = Object.entries(this.#counters.losses).filter(([, times]) => times > 0)
    this.#log.info({ ...this.#counters.total, unmatched: indicators, left_out: Object.fromEntries(lost) }, 'stopped')
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`
}
