import { type RefusalReason, refusalSentences } from '../../../protocol/refusal.ts'
import type { JsonValue, ReadingRecord, TotalFigures } from '../../trace/records.ts'
import type { Chronicle } from '../chronicle.ts'
import { ended, type Moment, trouble, type Verdict, wait, well } from '../health.ts'
import type { Life } from '../life.ts'
import { ago, times } from '../quantities.ts'
import { matches } from '../state-value.ts'

/** What is wrong with an endpoint of the broker, or with what comes by it. */
export function endpointVerdict(life: Life, value: JsonValue, moment: Moment, chronicle: Chronicle): Verdict {
  if (matches(value, 'failed')) return trouble('failed', 'The endpoint cannot listen on its address. The broker ends.')
  if (matches(value, 'waiting'))
    return trouble('address taken', 'Another process holds its address; it is waited for (bind_retry).')
  if (matches(value, 'closed')) return ended('The endpoint is closed.')
  if (matches(value, 'binding')) return wait('binding', 'The endpoint is about to listen.')
  const totals = chronicle.readingAt(moment.at, life.origin)?.totals
  const refused = Object.entries(totals?.refused ?? {}).toSorted(([, a], [, b]) => b - a)
  if (life.id === 'pub' && totals && totals.refusedPeers > 0) {
    return trouble(
      'eavesdropper refused',
      `An eavesdropper was refused ${times(totals.refusedPeers)}${lastTime(chronicle.readingsOf(life.origin), moment, ({ refusedPeers }) => refusedPeers)}: somebody subscribed on pub to something that is nobody's p2p topic, such as the empty prefix. ` +
        'They were sent nothing. It may also be an application whose subscription is long forgotten.',
      totals.refusedPeers,
    )
  }
  if (life.id === 'sub' && refused.length > 0) {
    const sum = refused.reduce((total, [, count]) => total + count, 0)
    const reasons = refused.map(
      ([reason, count]) => `${count} × ${reason} (${refusalSentences[reason as RefusalReason] ?? reason})`,
    )
    return trouble(
      'invalid messages',
      `A publisher sends invalid messages: since the broker started, ${sum === 1 ? 'one was' : `${sum.toLocaleString('en-US')} were`} refused${lastTime(chronicle.readingsOf(life.origin), moment, refusedSum)}. ${reasons.slice(0, 4).join('; ')}. ` +
        'They reached nobody; what is valid is delivered.',
      sum,
    )
  }
  return well('The endpoint listens.')
}

/** When a total rose last, in words; empty if that was not seen. */
function lastTime(readings: readonly ReadingRecord[], { at }: Moment, of: (totals: TotalFigures) => number): string {
  for (let index = readings.length - 1; index > 0; index--) {
    const [now, before] = [readings[index], readings[index - 1]]
    if (now && before && now.at <= at && of(now.totals) > of(before.totals))
      return ` (the last time ${ago(at - now.at)} ago)`
  }
  return ''
}

function refusedSum({ refused }: TotalFigures): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0)
}
