import assert from 'node:assert/strict'
import { readdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { Cursor } from '../../src/delivery/cursor.ts'
import { MessageLog } from '../../src/delivery/message-log.ts'
import { allAt } from '../../src/delivery/positions.ts'
import { Supplies } from '../../src/delivery/supplies.ts'
import { everything, wantedTypes } from '../../src/delivery/wanted.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'
import { loggedBatch } from './log-arbitraries.ts'
import { openStore } from './log-directory.ts'
import { inDirectory } from './subscription-arbitraries.ts'

const interests = ['indicator', 'sighting', 'both', 'none'] as const
const joins = [everything, wantedTypes(['indicator']), wantedTypes(['sighting', 'snapshotrequest'])]

const messages: fc.Arbitrary<Message> = fc
  .record({
    kind: fc.constantFrom('indicator', 'indicator', 'sighting', 'request', 'answer'),
    whose: fc.constantFrom('one', 'other'),
    id: fc.nat(5),
    removed: fc.nat(5).map(one => one === 0),
  })
  .map(({ kind, whose, id, removed }) => {
    if (kind === 'request') return messageOf('snapshotrequest', '{}', { audience: { except: whose } })
    if (kind === 'answer') return messageOf('indicator', '{}', { audience: { only: whose } })
    const object = { id: `${kind}--${id}`, modified: '2024-01-01T00:00:00Z', removed }
    return messageOf(kind as 'indicator', `{"padding":"${'x'.repeat(40)}"}`, { object })
  })

type Step = { readonly append: readonly Message[] } | 'reopen' | 'lose what was counted' | 'spoil what was counted'

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ append: fc.array(messages, { minLength: 1, maxLength: 8 }) }) },
    ...(['reopen', 'lose what was counted', 'spoil what was counted'] as const).map(step => ({
      weight: 1,
      arbitrary: fc.constant<Step>(step),
    })),
  ),
  { minLength: 3, maxLength: 20 },
)

async function openLog(directory: string, maxBytes: number) {
  const { store } = await openStore(directory, { segmentBytes: 400, maxBytes })
  const log = new MessageLog(store, { maxRecentMessages: 5, maxRecentBytes: 1e9, durability: 'background' })
  const bounds = { maxHeld: 4, cachedBytes: 500, maxSelections: 4, turnMs: 0, maxPerAddress: 2 }
  return { store, log, supplies: new Supplies(store, { ...bounds, betweenPages: async () => {} }) }
}

/** Everything that a cursor sends from where it is. */
async function sentBy(cursor: Cursor, supplies: Supplies): Promise<number> {
  let sent = 0
  while (!cursor.isEmpty) {
    for (let head = cursor.head; head !== undefined; head = cursor.head) {
      cursor.skip(head)
      sent++
    }
    if (cursor.need !== 'nothing') await supplies.supply(cursor, new AbortController().signal)
  }
  supplies.turnEnded(cursor)
  return sent
}

describe('what waits for a subscriber', () => {
  test('is what it is sent, at any place of the log, whatever it is subscribed to, after restarts and retention', async () => {
    const reader = fc.record({
      interest: fc.constantFrom(...interests),
      wanted: fc.constantFrom(...joins),
      place: fc.nat(),
      snapshot: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.array(reader, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(1500, 1e9),
        (steps, readers, maxBytes) =>
          inDirectory(async directory => {
            let { store, log, supplies } = await openLog(directory, maxBytes)
            const reopen = async () => {
              await store.close()
              ;({ store, log, supplies } = await openLog(directory, maxBytes))
            }
            for (const step of steps) {
              if (typeof step !== 'string') log.append(batchOf(step.append))
              else if (step === 'reopen') await reopen()
              else {
                await store.close()
                for (const name of readdirSync(directory).filter(name => name.endsWith('.counts'))) {
                  if (step === 'lose what was counted') unlinkSync(join(directory, name))
                  else writeFileSync(join(directory, name), 'spoilt')
                }
                ;({ store, log, supplies } = await openLog(directory, maxBytes))
                // Otherwise it is known at once.
                await store.counted()
              }
            }
            await store.committed()
            for (const { interest, wanted, place, snapshot } of readers) {
              const position = 1 + (place % log.next)
              const range = snapshot ? { sinceMs: 0, upTo: Math.floor((position + log.next - 1) / 2) } : undefined
              const cursor: Cursor = new Cursor(
                log,
                {
                  ...{ topic: 'one', address: '', interest, snapshot: range },
                  selected: (type, from) =>
                    range && supplies.selections.known(range)?.within(range, [type]).countFrom(from),
                },
                { positions: allAt(position), frames: 0, wanted },
                { filled() {}, replayed() {}, missed() {} },
              )
              // What makes its snapshot is known once it is being sent.
              if (cursor.head === undefined && cursor.need !== 'nothing')
                await supplies.supply(cursor, new AbortController().signal)
              const { lag } = cursor
              assert.equal(lag, await sentBy(cursor, supplies), `${interest} from ${position}`)
            }
            await store.close()
          }),
      ),
      { numRuns: 15 },
    )
  })

  test('is at most what can be where so many sequence numbers are missing that they are not counted', () =>
    inDirectory(async directory => {
      const first = Number.MAX_SAFE_INTEGER - 5
      for (const _ of ['written', 'read again', 'and again']) {
        const { store, log } = await openLog(directory, 1e9)
        if (log.next === 1) {
          log.append(batchOf([messageOf('indicator', '{}')]))
          store.append(loggedBatch([messageOf('indicator', '{}')], first))
        } else assert.equal(log.count('sighting', 1), first)
        await store.close()
      }
    }))
})
