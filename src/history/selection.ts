import type { SnapshotCriteria, SnapshotSelection } from '../delivery/message-store.ts'
import { LatestVersions, type VersionTable } from './latest-versions.ts'
import { microsecondsOf } from './object-key.ts'
import { keyOf } from './record.ts'
import { type SequenceBits, SequenceSet } from './sequence-set.ts'

/** Which messages of the log make a snapshot, in a form that can be given to another thread. */
export interface Selected {
  readonly messages: SequenceBits
  /** Versions of objects that are among them. */
  readonly versions: VersionTable
}

/** What can be passed to another thread instead of copied. */
export function buffersOf({ messages, versions }: Selected): ArrayBuffer[] {
  return [messages.words, versions.keys, versions.modified, versions.sequences].map(({ buffer }) => buffer)
}

/** The messages of the log that were selected by these criteria. */
export class LogSelection implements SnapshotSelection {
  readonly #types: SnapshotCriteria['types']
  readonly #messages: SequenceSet
  #versions: LatestVersions

  constructor({ types }: SnapshotCriteria, { messages, versions }: Selected) {
    this.#types = types
    this.#messages = new SequenceSet(messages)
    this.#versions = new LatestVersions(versions)
  }

  get versions(): number {
    return this.#versions.size
  }

  has(sequence: number): boolean {
    return this.#messages.has(sequence)
  }

  nextFrom(sequence: number): number | undefined {
    return this.#messages.nextFrom(sequence)
  }

  hasVersion(id: string, modified: string): boolean {
    const micros = microsecondsOf(modified)
    return this.#types.some(type => this.#versions.has(keyOf(type, id), micros))
  }

  forgetVersions(): void {
    this.#versions = LatestVersions.none(0, 0)
  }
}
