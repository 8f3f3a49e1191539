import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { alarmsOf, type Troubled, toldApart } from '../../src/inspector/story/alarms.ts'
import { trouble } from '../../src/inspector/story/health.ts'
import { Life } from '../../src/inspector/story/life.ts'

let serial = 0

interface Case {
  readonly chart: string
  readonly brief: string
  readonly lag: number
  readonly occurrences: number | undefined
}

function troubled({ chart, brief, lag, occurrences }: Case, parent?: string): Troubled {
  const actor = `x:${serial++}`
  const life = new Life({ type: '@xstate.actor', at: 0, actor, id: actor, chart, parent, about: undefined })
  return { life, verdict: trouble(brief, brief, occurrences), figures: { at: 0, lag, sent: 0, missed: 0 } }
}

const cases = fc.record({
  chart: fc.constantFrom('broker', 'endpoint', 'connection', 'subscriber'),
  brief: fc.constantFrom('failed', 'never joined', 'reads slowly'),
  lag: fc.nat(5),
  occurrences: fc.option(fc.nat(5), { nil: undefined }),
})

describe('alarms', () => {
  test('tell each trouble once, those of one kind together, and the one with the most waiting first', () => {
    fc.assert(
      fc.property(fc.array(cases, { maxLength: 30 }), all => {
        const actors = all.map(each => troubled(each))
        const alarms = alarmsOf(actors)
        assert.deepEqual(
          new Set(alarms.flatMap(alarm => alarm.actors)),
          new Set(actors),
          'no trouble is left out, and none is made up',
        )
        assert.equal(new Set(alarms.map(({ kind }) => kind)).size, alarms.length)
        for (const alarm of alarms) {
          const kinds = new Set(alarm.actors.map(({ life, verdict }) => `${life.chart} ${verdict.brief}`))
          assert.deepEqual([...kinds], [alarm.kind])
          const uncounted = alarm.actors.filter(({ verdict }) => verdict.occurrences === undefined)
          const waiting = uncounted.map(({ figures }) => figures?.lag ?? 0)
          assert.deepEqual(
            waiting,
            waiting.toSorted((one, other) => other - one),
          )
        }
      }),
    )
  })

  test('come in the order of what is at stake: all, somebody who is there, somebody who is not, what is over', () => {
    const last = troubled({ chart: 'endpoint', brief: 'eavesdropper refused', lag: 0, occurrences: 1_000_000 })
    const absent = [1, 9, 5].map(lag =>
      troubled({ chart: 'subscriber', brief: 'never joined', lag, occurrences: undefined }),
    )
    const silent = troubled({ chart: 'subscriber', brief: 'heartbeats stopped', lag: 7, occurrences: undefined })
    const slow = troubled({ chart: 'connection', brief: 'reads slowly', lag: 2, occurrences: undefined })
    const failed = troubled({ chart: 'endpoint', brief: 'failed', lag: 0, occurrences: undefined })
    const alarms = alarmsOf([last, ...absent, silent, slow, failed])
    assert.deepEqual(
      alarms.map(({ brief, actors, waiting }) => [brief, actors.length, waiting]),
      [
        ['failed', 1, 0],
        ['reads slowly', 1, 2],
        ['never joined', 3, 15],
        ['heartbeats stopped', 1, 7],
        ['eavesdropper refused', 1, 0],
      ],
    )
  })

  test('tell of a connection what its subscriber would say again', () => {
    const subscriber = troubled({ chart: 'subscriber', brief: 'reads slowly', lag: 2, occurrences: undefined })
    const connection = troubled(
      { chart: 'connection', brief: 'reads slowly', lag: 2, occurrences: undefined },
      subscriber.life.actor,
    )
    const [alarm, ...others] = alarmsOf([subscriber, connection])
    assert.deepEqual([alarm?.actors, others], [[connection], []])
  })
})

describe('sentences of one kind', () => {
  const clause = fc.constantFrom('It never joined:', 'nobody came.', '5 wait.', '6 wait.', 'It died;', 'so it is')
  const sentence = fc.array(clause, { minLength: 1, maxLength: 6 }).map(clauses => clauses.join(' '))

  test('lose no word when they are told apart, and what they have in common is said by each', () => {
    fc.assert(
      fc.property(fc.array(sentence, { minLength: 1, maxLength: 5 }), sentences => {
        const { common, own } = toldApart(sentences)
        assert.equal(own.length, sentences.length)
        const words = (text: string) => new Set(text.split(/[ …:;]+/).filter(word => word !== ''))
        for (const [place, whole] of sentences.entries()) {
          assert.deepEqual(words(`${common} ${own[place]}`), words(whole))
        }
      }),
    )
  })

  test('say what differs without what is the same', () => {
    const said = (count: number) => `It never joined: given up ${count} s ago. ${count} messages wait for it. It died.`
    assert.deepEqual(toldApart([said(5), said(6)]), {
      common: 'It never joined … It died.',
      own: ['given up 5 s ago. 5 messages wait for it.', 'given up 6 s ago. 6 messages wait for it.'],
    })
  })
})
