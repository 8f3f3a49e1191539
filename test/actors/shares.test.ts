import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Shares } from '../../src/actors/shares.ts'

/** A subscription as a model has it: a row of them, in the order in which they were opened. */
interface Held {
  readonly address: string
  readonly topic: string
  hasJoined: boolean
}

/** What happens: one is opened; or of those that there are, the one with this number joins, ends, or gives way. */
const happening = fc.oneof(
  { weight: 3, arbitrary: fc.record({ opens: fc.constantFrom('a', 'b', 'c', 'd'), hasJoined: fc.boolean() }) },
  fc.record({ joins: fc.nat() }),
  fc.record({ ends: fc.nat() }),
  fc.record({ givesWay: fc.option(fc.constantFrom('a', 'b', 'c', 'd')) }),
)

/** Does the model do what happens, with the shares at its side? */
function follow(happenings: readonly (typeof happening extends fc.Arbitrary<infer Of> ? Of : never)[]) {
  const shares = new Shares()
  let held: Held[] = []
  const waitingOf = (address: string) => held.filter(each => each.address === address && !each.hasJoined)
  const end = (gone: Held) => {
    shares.ended(gone.address, gone.topic)
    held = held.filter(each => each !== gone)
  }
  for (const [index, each] of happenings.entries()) {
    if ('opens' in each) {
      held.push({ address: each.opens, topic: `${index}`, hasJoined: each.hasJoined })
      shares.opened(each.opens, `${index}`, each.hasJoined)
    } else if ('givesWay' in each) {
      const topic = shares.longestWaiting(each.givesWay ?? undefined)
      const gone = held.find(of => of.topic === topic)
      assert.equal(
        gone === undefined,
        (each.givesWay ? waitingOf(each.givesWay) : held.filter(of => !of.hasJoined)).length === 0,
      )
      if (gone === undefined) continue
      assert.ok(!gone.hasJoined, 'one that has joined never gives way')
      assert.equal(waitingOf(gone.address)[0], gone, 'it has waited longest of its address')
      const most = Math.max(...held.map(({ address }) => waitingOf(address).length))
      if (each.givesWay) assert.equal(gone.address, each.givesWay)
      else assert.equal(waitingOf(gone.address).length, most, 'no address has more that never joined')
      end(gone)
    } else if (held.length > 0) {
      const one = held[('joins' in each ? each.joins : each.ends) % held.length] as Held
      if ('joins' in each) {
        one.hasJoined = true
        shares.joined(one.address, one.topic)
      } else end(one)
    }
  }
  return { shares, held }
}

describe('shares of subscriptions', () => {
  test('are what each address holds, and who gives way never joined, and is of the address with most of these', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 100, size: 'max' }), happenings => {
        const { shares, held } = follow(happenings)
        const counts = ['a', 'b', 'c', 'd'].map(address => held.filter(each => each.address === address).length)
        assert.deepEqual(
          ['a', 'b', 'c', 'd'].map(address => shares.held(address)),
          counts,
        )
        assert.equal(shares.most, Math.max(...counts))
      }),
    )
  })

  test('of addresses with as many, the one gives way first that has had as many for longest', () => {
    const shares = new Shares()
    for (const [topic, address] of ['b', 'a', 'c'].entries()) shares.opened(address, `${topic}`, false)
    assert.equal(shares.longestWaiting(), '0')
    shares.joined('b', '0')
    assert.equal(shares.longestWaiting(), '1')
    shares.opened('c', '3', false)
    assert.equal(shares.longestWaiting(), '2')
  })
})
