import type { Batch, LoggedBatch } from '../delivery/batch.ts'

/** What connects brokers: it takes the messages that this broker accepted and gives back those it is to deliver. */
export interface Backbone {
  /** Takes a batch that was accepted here, and answers it as it was delivered here: with its place in the log. */
  publish(batch: Batch): LoggedBatch
}
