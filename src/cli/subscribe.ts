import type { BusEvent, BusMessage } from '../index.ts'
import { interestOf } from '../protocol/topics.ts'
import { type BusOptions, connectTo, say, sayFailure } from './bus-options.ts'
import { exitCodes } from './exit-codes.ts'
import { LineOutput, onOneLine, onOneShortLine } from './line-output.ts'
import { abortOnSignal } from './signals.ts'

/** How messages are printed: the JSON alone, or with its type before it. */
export type MessageFormat = 'json' | 'frames'

/** Options of `threatbus subscribe`. */
export interface SubscribeCommandOptions extends BusOptions {
  /** Days that the snapshot reaches back. */
  readonly snapshot: number
  readonly format: MessageFormat
  /** Messages after which the command ends; without, it goes on until it is stopped. */
  readonly count?: number
}

/**
 * Prints messages, one a line (on a terminal without the whitespace of JSON that was laid out for people), until it is stopped by a signal, has printed `count`, or nobody reads its output any more.
 * Answers the exit code.
 */
export async function subscribe(topics: readonly string[], options: SubscribeCommandOptions): Promise<number> {
  const { snapshot, format, count = Number.POSITIVE_INFINITY } = options
  // It would print nothing, for ever: that can't be meant on a command line.
  if (interestOf(topics) === 'none') {
    say(matchNothing(topics))
    return exitCodes.usage
  }
  const output = new LineOutput(process.stdout)
  const signal = AbortSignal.any([abortOnSignal(), output.closed])
  let exitCode: number = exitCodes.ok
  try {
    const bus = connectTo(options, { onEvent: sayEvent })
    try {
      const subscription = await bus.subscribe(topics, { snapshotDays: snapshot, signal })
      // Who looks at it sees that it is no fault when nothing comes.
      if (process.stdout.isTTY) say(`subscribed to ${topics.join(', ')}; waiting for messages, Ctrl-C ends it`)
      let printed = 0
      for await (const message of subscription) {
        await output.write(line(message, format))
        if (++printed >= count) break
      }
    } finally {
      await bus.close()
    }
  } catch (error) {
    // A signal, or a reader who has seen enough, while the bus was still being asked.
    if (!signal.aborted) exitCode = sayFailure(error)
  }
  await output.flush()
  if (output.closed.aborted && !output.readerLeft) return sayFailure(output.closed.reason)
  return exitCode
}

/** A message as one line. */
function line({ type, text }: BusMessage, format: MessageFormat): string {
  const json = process.stdout.isTTY ? onOneShortLine(text) : onOneLine(text)
  return format === 'json' ? json : `${type} ${json}`
}

function matchNothing(topics: readonly string[]): string {
  const listed = topics.map(topic => JSON.stringify(topic)).join(', ')
  return `nothing that travels the bus matches ${listed}: there are stix2/indicator and stix2/sighting`
}

/** What people want to know while they look at messages. */
function sayEvent(event: BusEvent): void {
  const sentence = sentenceOf(event)
  if (sentence !== undefined) say(sentence)
}

function sentenceOf(event: BusEvent): string | undefined {
  switch (event.event) {
    case 'away':
      return 'the bus is away; going on when it is back'
    case 'back':
      return 'the bus is back'
    case 'forgotten':
      return 'the bus does not know this subscription any more; subscribing again'
    case 'resubscribed':
      return 'subscribed again; what was published in between may be missing'
    case 'refused':
      return `${event.error instanceof Error ? event.error.message : 'the bus refused'}; trying again`
    case 'topics_match_nothing':
      return matchNothing(event.topics)
    case 'missed':
      return `messages ${event.from} to ${event.to - 1} are not in the history any more`
    case 'frame_ignored':
      return `a frame from the bus was passed over (${event.reason})`
    default:
      return undefined
  }
}
