import type { LargeMessages } from '../checking/large-messages.ts'
import { largePart } from '../checking/large-part.ts'
import type { Egress } from '../delivery/egress.ts'
import type { Intake } from '../delivery/intake.ts'
import type { History } from '../history/history.ts'
import type { Publications } from '../sockets/sub.ts'

/** What it takes to accept what is published on `sub`. */
export interface IngressSurroundings {
  readonly intake: Intake
  readonly largeMessages: Pick<LargeMessages, 'frame'>
  readonly egress: Pick<Egress, 'roundEnded'>
  /** Undefined if there is no history. */
  readonly history: Pick<History, 'keepsUp'> | undefined
}

/** The way in on `sub`: what is large is checked elsewhere, and nobody is read faster than what he sent goes on. */
export function ingress({ intake, largeMessages, egress, history }: IngressSurroundings): Publications {
  return {
    take: (parts, publisher) => {
      const large = largePart(parts)
      if (large === undefined) return void intake.take(parts)
      return largeMessages.frame(large, publisher.address).then(decoded => intake.accept(decoded))
    },
    /** Sends what the intake holds on its way, and waits until each subscriber had its turn and the disk keeps up. */
    flush: async () => {
      intake.flush()
      await egress.roundEnded()
      await history?.keepsUp()
    },
  }
}
