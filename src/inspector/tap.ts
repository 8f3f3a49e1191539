import type { InspectionEvent } from 'xstate'
import type { ChartActor } from './inspected.ts'

/** By what all actors of a system tell its observers what happens. XState's types leave it out. */
interface Telling {
  _sendInspectionEvent(event: unknown): void
}

/**
 * Lets `see` have every inspection event of a system of actors. Not by XState's `inspect`: that copies each event for its
 * observers, which takes as long as the step itself that it tells of. It must not throw.
 *
 * @returns a function that ends it
 */
export function tap({ system }: ChartActor, see: (event: InspectionEvent) => void): () => void {
  const telling = system as unknown as Telling
  const { _sendInspectionEvent: send } = telling
  telling._sendInspectionEvent = event => {
    send(event)
    see(event as InspectionEvent)
  }
  return () => {
    telling._sendInspectionEvent = send
  }
}
