import type { Chronicle } from './chronicle.ts'
import { contextOf } from './health.ts'
import type { Life, Step } from './life.ts'

/** What a session asks the bus for; that it was answered is an event of its own. */
const answers = /^xstate\.done\.actor\.request(Subscription|Heartbeat|Unsubscription)$/

/** What an application does at the broker's sockets. */
const doneByApplication = new Set([
  ...['socket.joined', 'socket.left', 'connection.opened', 'connection.drained', 'peer.acknowledged'],
])

/**
 * Knows who sent a step, also where it came from another program: an application's session and the broker's subscriber have one
 * p2p topic, the one that they have at `index`.
 */
export class Senders {
  readonly #kept: Chronicle
  /** By p2p topic. */
  readonly #sessions = new Map<string, Life>()
  readonly #brokers = new Map<string, Life>()
  readonly #index: number

  constructor(kept: Chronicle, index: number) {
    this.#kept = kept
    this.#index = index
    if (kept.heads.size < 2) return
    for (const life of kept.lives.values()) {
      const topic = this.#topicOf(life)
      if (topic === undefined) continue
      if (life.chart === 'clientSession') this.#sessions.set(topic, life)
      const broker = life.chart === 'subscriber' && life.parent !== undefined ? kept.lives.get(life.parent) : undefined
      if (broker) this.#brokers.set(topic, broker)
    }
  }

  /** The actor that sent it; undefined: it came from outside of all of them. */
  of(step: Step): string | undefined {
    const { source, actor, event } = step
    // What comes by a timer or from what a state runs, an actor sends to itself.
    return source ?? this.#fromElsewhere(step) ?? (event.type.startsWith('xstate.') ? actor : undefined)
  }

  /** Did it come from another program? */
  crosses(step: Step): boolean {
    return step.source === undefined && this.#fromElsewhere(step) !== undefined
  }

  /**
   * Steps as one led to the other. The broker's are noted when it has dealt with a request; by then it may be answered, and the
   * answer noted at the other end.
   */
  inOrder(steps: readonly Step[]): readonly Step[] {
    const ordered: Step[] = []
    for (const step of steps) {
      const answer = this.crosses(step) ? this.#unaskedAnswer(ordered, this.of(step)) : -1
      if (answer < 0) ordered.push(step)
      else ordered.splice(answer, 0, step)
    }
    return ordered
  }

  /** Where the answer stands that a session has got without having asked, as far as these steps tell; -1: it has asked. */
  #unaskedAnswer(steps: readonly Step[], session: string | undefined): number {
    const answer = steps.findLastIndex(({ actor }) => actor === session)
    const got = steps[answer]
    if (got === undefined || !this.crosses(got)) return -1
    const before = steps.slice(0, answer).findLast(step => step.actor === session || this.of(step) === session)
    return before?.actor === session ? answer : -1
  }

  #fromElsewhere({ actor, event }: Step): string | undefined {
    const life = this.#sessions.size === 0 ? undefined : this.#kept.lives.get(actor)
    if (life === undefined) return undefined
    const other = this.#otherEnd(life, event)
    return other === undefined || other.origin === life.origin ? undefined : other.actor
  }

  #otherEnd(life: Life, event: Step['event']): Life | undefined {
    switch (life.chart) {
      case 'broker':
        return typeof event.topic === 'string' ? this.#sessions.get(event.topic) : undefined
      case 'clientSession':
        return answers.test(event.type) ? this.#brokers.get(this.#topicOf(life) ?? '') : undefined
      case 'subscriber':
      case 'connection':
        return doneByApplication.has(event.type) ? this.#sessions.get(this.#topicOf(life) ?? '') : undefined
      default:
        return undefined
    }
  }

  /** Shortened, as it leaves a program: the same at both ends. */
  #topicOf(life: Life): string | undefined {
    const { topic, grant } = contextOf(life, this.#index)
    if (typeof topic === 'string') return topic
    const granted = typeof grant === 'object' && grant !== null && 'topic' in grant ? grant.topic : undefined
    return typeof granted === 'string' ? granted : undefined
  }
}
