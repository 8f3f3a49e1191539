import type { Batch } from '../delivery/batch.ts'
import type { Backbone } from './backbone.ts'

/** The backbone of a single broker: what it accepts it delivers at once, itself. */
export function inmemBackbone(deliver: (batch: Batch) => void): Backbone {
  return { publish: deliver }
}
