import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Chronicle } from '../../src/inspector/story/chronicle.ts'
import type { Verdict } from '../../src/inspector/story/health.ts'
import { verdictOn } from '../../src/inspector/story/verdict.ts'
import type { JsonValue, TraceRecord } from '../../src/inspector/trace/records.ts'

const now = 1_000_000_000

/** A subscriber and its connections, as a page that is opened now is told of them. */
function opened(flows: readonly string[], { since, lag }: { readonly since: number; readonly lag: number }) {
  const chronicle = new Chronicle()
  const found = (actor: string, chart: string, parent: string | undefined, value: JsonValue): TraceRecord => ({
    ...{ type: '@xstate.actor', at: since, since, step: 1, actor, id: actor, chart, parent, about: undefined },
    snapshot: { status: 'active', value, context: {} },
  })
  const joined = { joined: { phase: 'live', heartbeat: 'unmonitored' } }
  const records: TraceRecord[] = [
    { type: 'trace', version: 1, program: 'test', pid: 1, at: now },
    found('subscriber', 'subscriber', undefined, joined),
    ...flows.map((flow, place) =>
      found(`connection${place}`, 'connection', 'subscriber', { open: { flow, peer: 'acknowledging' } }),
    ),
  ]
  const figures = { lag, sent: 0, missed: 0 }
  const totals = { accepted: 0, refused: {}, delivered: 0, waiting: 0, refusedSends: 0, refusedPeers: 0 }
  const actors = Object.fromEntries(
    ['subscriber', ...flows.map((_, place) => `connection${place}`)].map(actor => [actor, figures]),
  )
  for (const record of [...records, { type: 'reading', at: now, totals, actors } as const]) chronicle.take(record)
  return (actor: string): Verdict => {
    const life = chronicle.lives.get(actor)
    assert.ok(life)
    return verdictOn(life, chronicle, { index: chronicle.lastIndex, at: now })
  }
}

test('a reader that stopped reading before the page was opened reads slowly, for as long as the broker says', () => {
  const on = opened(['waiting'], { since: now - 600_000, lag: 28 })
  const verdict = on('connection0')
  assert.equal(verdict.health, 'trouble')
  assert.equal(verdict.brief, 'reads slowly')
  assert.match(verdict.sentence, /It has taken nothing for 10 min.*28 messages wait/)
  assert.match(on('subscriber').sentence, /28 messages, which wait: its application reads slowly, or not at all/)
})

test('nothing is said to be fed while it waits, and nobody to have everything for whom something waits', () => {
  const states = [
    'flowing',
    'fetching',
    'waiting',
    'held',
    'resuming',
    'locating',
    'unlocated',
    'unreadable',
    'recording',
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...states), { minLength: 1, maxLength: 3 }), fc.nat(5000), (flows, lag) => {
      const { sentence, health } = opened(flows, { since: now - 60_000, lag })('subscriber')
      const isSent = flows.some(flow => ['flowing', 'fetching', 'recording'].includes(flow))
      if (!isSent && lag > 0) {
        assert.doesNotMatch(sentence, /being fed|being sent|on their way/)
        assert.match(sentence, /which wait: /)
        assert.equal(health, 'waiting')
      }
      assert.equal(/has everything/.test(sentence), lag === 0)
    }),
  )
})
