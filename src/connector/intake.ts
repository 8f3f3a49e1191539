import { InvalidMessageError } from '../client/errors.ts'
import type { BusMessage } from '../client/message.ts'
import type { Indicator } from '../protocol/stix/types.ts'
import type { Counters } from './counters.ts'
import { convertIndicator } from './ioc.ts'
import { JsonText } from './json-text.ts'
import type { MatcherContent } from './matcher-content.ts'
import type { RetroMatching } from './retro-matching.ts'
import type { ConnectorStory } from './story.ts'
import type { Unconverted, Unconvertible } from './unconvertible.ts'
import type { Kept } from './waiting-file.ts'

/** Who wants indicators, and who is told what was wrong with one. */
export interface IntakeSurroundings {
  /** Undefined if there is no live matching. */
  readonly content: MatcherContent | undefined
  /** Undefined if there is no retro matching. */
  readonly retro: RetroMatching | undefined
  readonly story: ConnectorStory
  readonly counters: Counters
}

/** What comes from the bus is converted and given to those who match (CONNECTOR "Indicator → VAST"). */
export class Intake {
  readonly #surroundings: IntakeSurroundings

  constructor(surroundings: IntakeSurroundings) {
    this.#surroundings = surroundings
  }

  /** Takes a message. Fulfilled when there is room for the next; aborting the signal ends the waiting. */
  async take(message: BusMessage, signal: AbortSignal): Promise<void> {
    const { content, retro, story, counters } = this.#surroundings
    const indicator = readIndicator(message)
    if (indicator === undefined) {
      story.lost('unreadable_indicator', 'what the bus delivered is no indicator')
      return
    }
    const converted = convertIndicator(indicator)
    const values = converted.ok ? converted.conversion.iocs.map(({ value }) => value) : []
    if (isRemoved(indicator)) {
      counters.indicatorRemoved()
      content?.remove(indicator.id, values)
      return
    }
    // Whatever it was before, an indicator that can't be converted is matched no longer.
    content?.put(indicator.id, values)
    if (!converted.ok) {
      const sentence = `an indicator is not matched: ${converted.detail}`
      story.lost(converted.reason, sentence, { indicator: indicator.id })
      return
    }
    counters.indicatorTaken()
    const { query, leftOut } = converted.conversion
    this.#tellLeftOut(leftOut, indicator)
    if (query !== undefined) await retro?.add(new JsonText(message.text, indicator), query, signal)
  }

  /** The rest of an indicator is matched. Each of these counts. */
  #tellLeftOut(leftOut: readonly Unconverted[], { id: indicator }: Indicator): void {
    const byReason = new Map<Unconvertible, Unconverted[]>()
    for (const each of leftOut) {
      const alike = byReason.get(each.reason)
      if (alike === undefined) byReason.set(each.reason, [each])
      else alike.push(each)
    }
    for (const [reason, { 0: first, length: alternatives }] of byReason) {
      const sentence = `of an indicator, what can be asked is matched, and the rest is not: ${first?.detail}`
      this.#surroundings.story.lost(reason, sentence, { indicator, alternatives }, alternatives)
    }
  }

  /** Takes an indicator that an earlier run left unmatched. Says whether it waits for its query again. */
  resume({ key, text }: Kept): boolean {
    const { retro } = this.#surroundings
    const indicator = JSON.parse(text) as Indicator
    const converted = convertIndicator(indicator)
    if (retro === undefined || !converted.ok || converted.conversion.query === undefined) return false
    retro.resume(key, new JsonText(text, indicator), converted.conversion.query)
    return true
  }
}

function readIndicator(message: BusMessage): Indicator | undefined {
  try {
    return message.type === 'indicator' && typeof message.object.id === 'string' ? message.object : undefined
  } catch (error) {
    if (error instanceof InvalidMessageError) return undefined
    throw error
  }
}

/** As for the bus's snapshots: what was removed, or revoked, is not wanted any more. */
function isRemoved(indicator: Indicator): boolean {
  return indicator.x_threatbus_update === 'REMOVE' || indicator.revoked === true
}
