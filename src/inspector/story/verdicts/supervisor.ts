import type { JsonValue } from '../../trace/records.ts'
import { ended, trouble, type Verdict, wait, well } from '../health.ts'
import { matches } from '../state-value.ts'

/** What is wrong with the broker as a whole. */
export function supervisorVerdict(value: JsonValue): Verdict {
  if (matches(value, 'running.serving')) return well('The broker serves.')
  if (matches(value, 'running.draining'))
    return wait('draining', 'The broker stops: what is queued for joined subscribers goes out.')
  if (matches(value, 'failed')) return trouble('failed', 'The broker failed: an endpoint cannot listen.')
  if (matches(value, 'stopped')) return ended('The broker stopped.')
  return wait('starting', 'The broker starts.')
}
