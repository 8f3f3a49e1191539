import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Arrival, check, complaints, nothingTwice } from './checker.ts'

const bytes = 10
const arrivalsOf = (messages: readonly string[]): Arrival[] => messages.map(message => ({ message, bytes, atMs: 0 }))
const published = (message: string) => message !== 'strange'
const findingsOf = (log: string, received: string) => check([...log], published, arrivalsOf([...received]))

/** A log of different messages. */
const logs = fc.integer({ min: 1, max: 60 }).map(count => Array.from({ length: count }, (_, each) => `m${each}`))

/** A log, and two places in it, the first before the second or the same. */
const logsWithTwoPlaces = logs.chain(log =>
  fc.tuple(fc.constant(log), fc.nat(log.length - 1), fc.nat(log.length - 1)).map(([log, one, two]) => ({
    log,
    first: Math.min(one, two),
    second: Math.max(one, two),
  })),
)

describe('the checker', () => {
  test('has nothing to say when everything came once, in order', () => {
    fc.assert(
      fc.property(logs, log => {
        const findings = check(log, published, arrivalsOf(log))
        assert.deepEqual(complaints(findings, nothingTwice), [])
      }),
    )
  })

  test('finds what is missing', () => {
    fc.assert(
      fc.property(logsWithTwoPlaces, ({ log, first, second }) => {
        const missing = log.slice(first, second + 1)
        const findings = check(log, published, arrivalsOf(log.toSpliced(first, missing.length)))
        assert.deepEqual(findings.lost, missing)
        assert.deepEqual([findings.late, findings.phantoms, findings.repetitions], [[], [], []])
      }),
    )
  })

  test('counts what came again after each break, and its bytes', () => {
    fc.assert(
      fc.property(logs, fc.array(fc.tuple(fc.nat(60), fc.nat(60)), { maxLength: 4 }), (log, breaks) => {
        const received: string[] = []
        const repeated: number[] = []
        let next = 0
        for (const [ahead, back] of breaks) {
          const end = Math.min(log.length, next + ahead)
          received.push(...log.slice(next, end))
          next = Math.max(0, end - back)
          // What comes again when this break's repetition is cut off by the next one is counted to each.
          repeated.push(end - next)
        }
        received.push(...log.slice(next))
        const findings = check(log, published, arrivalsOf(received))
        assert.deepEqual([findings.lost, findings.late, findings.phantoms], [[], [], []])
        const total = findings.repetitions.reduce((sum, each) => sum + each.messages, 0)
        assert.equal(total, received.length - log.length)
        assert.ok(findings.repetitions.length <= repeated.filter(count => count > 0).length)
        for (const each of findings.repetitions) assert.equal(each.bytes, each.messages * bytes)
      }),
    )
  })

  test('finds a message that came behind a later one', () => {
    assert.deepEqual(findingsOf('abcd', 'acbd').late, ['b'])
    assert.deepEqual(findingsOf('abcd', 'acbd').lost, [])
    assert.deepEqual(findingsOf('abcd', 'acbcd').late, ['b'])
    assert.equal(findingsOf('abcd', 'acbcd').repetitions[0]?.messages, 1)
  })

  test('finds what was never published, and lets pass what was published and is in no log', () => {
    const findings = check(['a', 'b'], published, arrivalsOf(['a', 'strange', 'unlogged', 'b']))
    assert.deepEqual(findings.phantoms, ['strange'])
    assert.deepEqual([findings.lost, findings.repetitions], [[], []])
  })

  test('expects what was published twice twice', () => {
    assert.deepEqual(complaints(findingsOf('abab', 'abab'), nothingTwice), [])
    assert.deepEqual(findingsOf('abab', 'aba').lost, ['b'])
    assert.equal(findingsOf('abab', 'ababab').repetitions[0]?.messages, 2)
  })

  test('complains of more repetitions than breaks, and of one that is too long', () => {
    const findings = findingsOf('abcdef', 'abcabcdecdef')
    assert.deepEqual(
      findings.repetitions.map(({ from, messages }) => [from, messages]),
      [
        [0, 3],
        [2, 3],
      ],
    )
    const allowance = (repetitions: number, bytesTwice: number) => ({ repetitions, bytesOf: () => bytesTwice })
    assert.deepEqual(complaints(findings, allowance(2, 30)), [])
    assert.equal(complaints(findings, allowance(1, 30)).length, 1)
    assert.equal(complaints(findings, allowance(2, 29)).length, 2)
  })
})
