import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { StoredSubscription } from '../../src/history/subscriptions/stored-subscription.ts'
import type { JournalEvents } from '../../src/history/subscriptions/subscriptions.ts'
import { keptTopics } from '../../src/protocol/topics.ts'

/** A new directory with this to be done in it; it is gone afterwards. */
export async function inDirectory<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-history-'))
  try {
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What a journal told its owner, a line each. */
export function recordedEvents(): JournalEvents & { readonly told: string[] } {
  const told: string[] = []
  return {
    told,
    onFailing: error => told.push(`failing: ${error instanceof Error ? error.message : error}`),
    onRecovered: () => told.push('recovered'),
    onSkipped: ({ count, numbers }) => {
      assert.equal(count, numbers.length)
      told.push(`skipped ${numbers.join()}`)
    },
  }
}

/** The p2p topic with this number. */
export function topicOf(number: number): string {
  return number
    .toString(26)
    .padStart(32, '0')
    .replace(/./g, digit => String.fromCharCode(97 + Number.parseInt(digit, 26)))
}

/** A subscription as most are. */
export function subscription(number: number, position = 0): StoredSubscription {
  return {
    topic: topicOf(number),
    topics: ['stix2/indicator', 'stix2/sighting'],
    snapshot: { sinceMs: 1_700_000_000_000, from: 1, upTo: position },
    exchanges: ['5f0ab1f2-6b8a-4d9f-9d6c-0f4d1f8a7c11'],
    position,
    frames: position,
    confirms: true,
    sendsHeartbeats: true,
  }
}

/** Few topics, so that the same ones change again and again. */
export const topics = fc.integer({ min: 0, max: 5 }).map(topicOf)

const counts = fc.nat(1_000_000)

/** Any subscription. */
export const subscriptions: fc.Arbitrary<StoredSubscription> = fc.record(
  {
    topic: topics,
    topics: fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }).map(keptTopics),
    address: fc.oneof(fc.ipV4(), fc.constant('2001:db8:1:2::/64')),
    subscribedMs: counts,
    snapshot: fc.record(
      { sinceMs: counts, from: counts, upTo: counts, everything: fc.constant(true as const) },
      { requiredKeys: ['sinceMs', 'from', 'upTo'], noNullPrototype: true },
    ),
    numbered: fc.constant(true as const),
    exchanges: fc.array(fc.string(), { maxLength: 2 }),
    position: counts,
    frames: counts,
    confirms: fc.boolean(),
    sendsHeartbeats: fc.boolean(),
    staleSinceMs: counts,
    neverJoined: fc.constant(true as const),
  },
  {
    requiredKeys: ['topic', 'topics', 'exchanges', 'position', 'frames', 'confirms', 'sendsHeartbeats'],
    noNullPrototype: true,
  },
)

/** A change to a journal. */
export type Change =
  | { readonly put: StoredSubscription }
  | { readonly move: string; readonly position: number; readonly frames: number }
  | { readonly remove: string }

/** Any change. */
export const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ put: subscriptions }, { noNullPrototype: true }),
  fc.record({ move: topics, position: counts, frames: counts }),
  fc.record({ remove: topics }),
)

/** What changes: a journal, or the simplest model of one, a map. */
export interface Changeable {
  put(record: StoredSubscription): void
  move(topic: string, position: number, frames: number): void
  remove(topic: string): void
}

/** Makes a change. */
export function apply(change: Change, ...to: Changeable[]): void {
  for (const each of to) {
    if ('put' in change) each.put(change.put)
    else if ('remove' in change) each.remove(change.remove)
    else each.move(change.move, change.position, change.frames)
  }
}

/** The model: what subscriptions there are, and all states that each topic's ever had. */
export class Model implements Changeable {
  readonly records = new Map<string, StoredSubscription>()
  readonly past = new Set<string>()

  put(record: StoredSubscription): void {
    this.records.set(record.topic, record)
    this.past.add(JSON.stringify(record))
  }

  move(topic: string, position: number, frames: number): void {
    const record = this.records.get(topic)
    if (record !== undefined) this.put({ ...record, position, frames })
  }

  remove(topic: string): void {
    this.records.delete(topic)
  }

  /** Did this subscription look like this at any time? */
  everHad(record: StoredSubscription): boolean {
    return this.past.has(JSON.stringify(record))
  }
}
