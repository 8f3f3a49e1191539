import type { MessageRules } from '../protocol/body.ts'
import { decodeFrame, type EnvelopedMessage } from '../protocol/frames.ts'
import type { Message } from '../protocol/message.ts'
import { type Refusal, type RefusalReason, refuse } from '../protocol/refusal.ts'
import type { MessageType } from '../protocol/topics.ts'
import { type Batch, batchOf } from './batch.ts'
import { packed } from './packed.ts'

/** Where the intake's messages go. */
export interface IntakeTargets {
  /** Messages for everyone who wants them, in the order in which they came. */
  publish(batch: Batch): void
  /** Answers for the subscriber that asked for this snapshot; false if no such snapshot is being gathered. */
  deliverEnvelopes(snapshotId: string, answers: readonly EnvelopedMessage[]): boolean
  /** A message was refused. */
  refused(refusal: Refusal): void
}

/** Turns what arrives on `sub` into batches: decodes, checks, refuses. Counts what it takes and what it refuses. */
export class Intake {
  readonly #rules: MessageRules
  readonly #targets: IntakeTargets
  #messages: Message<MessageType>[] = []
  #envelopes = new Map<string, EnvelopedMessage[]>()
  readonly accepted: Record<MessageType, number> = { indicator: 0, sighting: 0 }
  readonly refusals: Partial<Record<RefusalReason, number>> = {}

  constructor(rules: MessageRules, targets: IntakeTargets) {
    this.#rules = rules
    this.#targets = targets
  }

  /** Takes one message as the socket gave it. */
  take(parts: readonly Buffer[]): void {
    this.accept(decodeFrame(parts, this.#rules))
  }

  /** Takes what was decoded of a message. */
  accept(decoded: ReturnType<typeof decodeFrame>): void {
    if ('refused' in decoded) this.#refuse(decoded)
    else if ('snapshotId' in decoded) this.#gather(decoded)
    else this.#messages.push(decoded)
  }

  /** Hands over what was taken since the last time. */
  flush(): void {
    if (this.#messages.length > 0) {
      const messages = this.#messages
      this.#messages = []
      for (const { type } of messages) this.accepted[type]++
      this.#targets.publish(batchOf(packed(messages)))
    }
    if (this.#envelopes.size === 0) return
    for (const [snapshotId, answers] of this.#envelopes) {
      if (this.#targets.deliverEnvelopes(snapshotId, answers)) continue
      for (let refused = 0; refused < answers.length; refused++) this.#refuse(refuse('unknown_snapshot'))
    }
    this.#envelopes.clear()
  }

  #gather(answer: EnvelopedMessage): void {
    const gathered = this.#envelopes.get(answer.snapshotId)
    if (gathered) gathered.push(answer)
    else this.#envelopes.set(answer.snapshotId, [answer])
  }

  #refuse(refusal: Refusal): void {
    this.refusals[refusal.refused] = (this.refusals[refusal.refused] ?? 0) + 1
    this.#targets.refused(refusal)
  }
}
