import type {
  SharedSelection,
  SnapshotCriteria,
  SnapshotRange,
  SnapshotSelection,
} from '../../delivery/message-store.ts'
import type { MessageType } from '../../protocol/topics.ts'
import { microsecondsOf } from '../log/object-key.ts'
import { keyOf } from '../log/record.ts'
import { SelectedMessages, type SelectedTable } from './selected-messages.ts'
import { VersionSet, type VersionTable } from './version-set.ts'

/** Which messages of the log make snapshots, in a form that can be given to another thread. */
export interface Selected {
  readonly messages: Readonly<Record<MessageType, SelectedTable>>
  /** Versions of objects that are among them. */
  readonly versions: VersionTable
  /** Nothing was accepted after the first of these times and before the second: it is one whichever of them is begun with. */
  readonly passedOverMs: number
  readonly oldestMs: number
}

/** What can be passed to another thread instead of copied. */
export function buffersOf({ messages: { indicator, sighting }, versions }: Selected): ArrayBuffer[] {
  const tables = [indicator, sighting].flatMap(({ latest, replaced, replacedBy }) => [
    latest.words,
    replaced,
    replacedBy,
  ])
  return [...tables, versions.words].map(({ buffer }) => buffer)
}

/** The messages of the log that were selected by these criteria. */
export class LogSelection implements SharedSelection {
  readonly #criteria: SnapshotCriteria
  readonly #messages: Readonly<Record<MessageType, SelectedMessages>>
  readonly #passedOverMs: number
  readonly #oldestMs: number
  #versions: VersionSet | undefined

  constructor(criteria: SnapshotCriteria, { messages, versions, passedOverMs, oldestMs }: Selected) {
    this.#criteria = criteria
    this.#messages = {
      indicator: new SelectedMessages(messages.indicator),
      sighting: new SelectedMessages(messages.sighting),
    }
    this.#passedOverMs = passedOverMs
    this.#oldestMs = oldestMs
    this.#versions = criteria.maxVersions > 0 ? new VersionSet(versions) : undefined
  }

  get versions(): number | undefined {
    return this.#versions?.size
  }

  covers({ sinceMs, upTo }: SnapshotRange): boolean {
    const { earliestEnd, latestEnd } = this.#criteria
    if (upTo < earliestEnd || upTo > latestEnd) return false
    return sinceMs === this.#criteria.sinceMs || (sinceMs > this.#passedOverMs && sinceMs <= this.#oldestMs)
  }

  within({ upTo }: SnapshotRange, types: readonly MessageType[]): SnapshotSelection {
    const messages = types.map(type => this.#messages[type])
    return {
      has: sequence => messages.some(each => each.has(sequence, upTo)),
      nextFrom: sequence => {
        let first = Number.POSITIVE_INFINITY
        for (const each of messages) first = Math.min(first, each.nextFrom(sequence, upTo) ?? first)
        return first === Number.POSITIVE_INFINITY ? undefined : first
      },
      countFrom: sequence => messages.reduce((count, each) => count + each.countFrom(sequence, upTo), 0),
      hasVersion: (id, modified) => {
        const micros = microsecondsOf(modified)
        return types.some(type => this.#versions?.has(keyOf(type, id), micros) ?? false)
      },
      shared: this,
    }
  }

  forgetVersions(): void {
    this.#versions = undefined
  }
}
