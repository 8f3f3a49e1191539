import type { Batch } from '../delivery/batch.ts'

/** What connects brokers: it takes the messages that this broker accepted and gives back those it is to deliver. */
export interface Backbone {
  /** Takes a batch that was accepted here. */
  publish(batch: Batch): void
}
