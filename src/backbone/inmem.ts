import type { Batch, LoggedBatch } from '../delivery/batch.ts'
import type { Backbone } from './backbone.ts'

/** The backbone of a single broker: what it accepts it delivers at once, itself. */
export function inmemBackbone(deliver: (batch: Batch) => LoggedBatch): Backbone {
  return { publish: deliver }
}
