import type { FrameType } from '../protocol/message.ts'
import type { AddressedRun } from './counted.ts'
import { frameTypes } from './positions.ts'

/** Runs that are kept of one subscriber and type. Beyond, each two become one. */
const maxRuns = 256

/**
 * Where in the log there are messages for single subscribers: answers to their requests for snapshots, and their own requests,
 * which go to all others. Exact as long as a subscriber has few runs of them; then inside a run they count as evenly spread.
 */
export class AddressedRuns {
  /** By type and topic. */
  readonly #runs = new Map<string, AddressedRun[]>()
  #isSubscriber: (topic: string) => boolean = () => true

  /** Takes note of some. */
  add(run: AddressedRun): void {
    const { topic, type } = run
    if (!this.#isSubscriber(topic)) return
    const key = keyOf(topic, type)
    const runs = this.#runs.get(key) ?? []
    const last = runs.at(-1)
    if (last?.end === run.first && isDense(last) && isDense(run)) runs[runs.length - 1] = joined(last, run)
    else runs.push(run)
    // What is learned of older parts of the log comes later.
    if (last !== undefined && run.first < last.first) runs.sort((one, other) => one.first - other.first)
    this.#runs.set(key, runs.length > maxRuns ? halved(runs) : runs)
  }

  /** How many there are of this type for this subscriber, from a sequence number to before another. */
  count(topic: string, type: FrameType, from: number, to: number): number {
    let messages = 0
    for (const { first, end, count } of this.#runs.get(keyOf(topic, type)) ?? []) {
      const within = Math.min(end, to) - Math.max(first, from)
      if (within > 0) messages += Math.round((count * within) / (end - first))
    }
    return messages
  }

  /** Those that begin from a sequence number on, and before another. */
  between(from: number, to: number): AddressedRun[] {
    return [...this.#runs.values()].flat().filter(({ first }) => first >= from && first < to)
  }

  /** What is before this sequence number is not in the log any more. */
  forgetBefore(sequence: number): void {
    for (const [key, runs] of this.#runs) {
      const left = runs.filter(({ end }) => end > sequence)
      if (left.length === 0) this.#runs.delete(key)
      else this.#runs.set(key, left)
    }
  }

  /** This subscriber is no more. */
  forget(topic: string): void {
    for (const type of frameTypes) this.#runs.delete(keyOf(topic, type))
  }

  /** Only what is for subscribers is kept from now on. */
  keepFor(isSubscriber: (topic: string) => boolean): void {
    this.#isSubscriber = isSubscriber
    for (const [key, [run]] of this.#runs) if (run === undefined || !isSubscriber(run.topic)) this.#runs.delete(key)
  }
}

function keyOf(topic: string, type: FrameType): string {
  return `${type} ${topic}`
}

function isDense({ first, end, count }: AddressedRun): boolean {
  return count === end - first
}

function joined(one: AddressedRun, other: AddressedRun): AddressedRun {
  return { ...one, end: other.end, count: one.count + other.count }
}

/** The same in half as many runs. */
function halved(runs: readonly AddressedRun[]): AddressedRun[] {
  const half: AddressedRun[] = []
  for (let at = 0; at < runs.length; at += 2) {
    const [one, other] = [runs[at] as AddressedRun, runs[at + 1]]
    half.push(other === undefined ? one : joined(one, other))
  }
  return half
}
