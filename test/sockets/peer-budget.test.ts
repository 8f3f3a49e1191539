import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type PeerAccount, PeerBudget, stepBytes } from '../../src/sockets/zmtp/peer-budget.ts'

const maxBytes = 10_000

type Bytes = Record<string, number>

/** A budget, and connections from some addresses. */
function budgetOf(addresses: readonly string[]) {
  const budget = new PeerBudget({ maxBytes, messageTimeoutMs: 60_000, exceeded() {} })
  const closed: { address: string; reason: string; unfinished: Bytes; prefixes: Bytes }[] = []
  const holders = addresses.map(address => {
    const holder = {
      address,
      isRead: true,
      account: undefined as PeerAccount | undefined,
      break(reason: string) {
        const unfinished = bytesBy(({ unfinishedBytes }) => unfinishedBytes)
        closed.push({ address, reason, unfinished, prefixes: bytesBy(({ prefixBytes }) => prefixBytes) })
        this.account?.close()
        this.account = undefined
      },
    }
    holder.account = budget.open(holder)
    return holder
  })
  const bytesBy = (bytesOf: (account: PeerAccount) => number) => {
    const bytes: Bytes = {}
    for (const { address, account } of holders) if (account) bytes[address] = (bytes[address] ?? 0) + bytesOf(account)
    return bytes
  }
  return { budget, holders, closed, bytesBy }
}

const sum = (bytes: Bytes) => Object.values(bytes).reduce((total, each) => total + each, 0)

const steps = fc.array(
  fc.record({
    holder: fc.nat({ max: 11 }),
    what: fc.constantFrom('unfinished', 'ended', 'prefixes', 'paused', 'closed'),
    bytes: fc.integer({ min: 1, max: 2000 }),
  }),
  { maxLength: 60 },
)

describe('what connections hold together', () => {
  test('is never more than may be, is counted right, and is given back by the address that holds most', () => {
    fc.assert(
      fc.property(steps, steps => {
        const addresses = Array.from({ length: 12 }, (_, at) => 'abcd'[at % 4] as string)
        const { budget, holders, closed, bytesBy } = budgetOf(addresses)
        for (const { holder: at, what, bytes } of steps) {
          const holder = holders[at]
          const { account } = holder ?? {}
          if (holder === undefined || account === undefined) continue
          if (what === 'unfinished') account.unfinished(account.unfinishedBytes + bytes, bytes, false)
          else if (what === 'ended') account.unfinished(0, bytes, true)
          else if (what === 'prefixes') account.prefixes(bytes)
          else if (what === 'paused') holder.isRead = !holder.isRead
          else holder.break('closed')
          const held = {
            unfinished: sum(bytesBy(each => each.unfinishedBytes)),
            prefixes: sum(bytesBy(each => each.prefixBytes)),
          }
          assert.deepEqual(budget.held, held)
          assert.ok(held.unfinished + held.prefixes <= maxBytes)
          assert.ok(held.prefixes <= maxBytes / 4)
        }
        // Whoever is closed for messages held most of them, whoever for prefixes most of those.
        for (const { address, reason, unfinished, prefixes } of closed) {
          if (reason !== 'crowded_out') continue
          const isMost = (bytes: Bytes) => bytes[address] === Math.max(...Object.values(bytes))
          assert.ok(isMost(sum(prefixes) > maxBytes / 5 ? prefixes : unfinished) || isMost(unfinished))
        }
        for (const holder of holders) holder.account?.close()
        assert.deepEqual(budget.held, { unfinished: 0, prefixes: 0 })
      }),
    )
  })

  test('is given back by who is slow before who is not read: that one cannot help it', () => {
    const { holders } = budgetOf(['a', 'a', 'a'])
    const [paused, slow, last] = holders
    assert.ok(paused && slow && last)
    paused.isRead = false
    for (const { account } of [paused, slow]) account?.unfinished(4000, 4000, false)
    last.account?.unfinished(4000, 4000, false)
    assert.equal(slow.account, undefined)
    assert.ok(paused.account)
    assert.ok(last.account)
  })

  test('may be held as long as enough comes: a long message gets through a slow line', () => {
    const { holders } = budgetOf(['a'])
    const { account } = holders[0] ?? {}
    assert.ok(account)
    account.unfinished(100, 100, false)
    const beganMs = performance.now()
    assert.ok(account.isOverdue(beganMs + 1000, 1000))
    account.restart(beganMs + 500)
    assert.ok(!account.isOverdue(beganMs + 1499, 1000))
    account.restart(0)
    account.unfinished(200, stepBytes, false)
    assert.ok(!account.isOverdue(beganMs + 999, 1000))
    // So little is nothing.
    account.restart(0)
    account.unfinished(300, stepBytes - 1, false)
    assert.ok(account.isOverdue(1000, 1000))
  })
})
