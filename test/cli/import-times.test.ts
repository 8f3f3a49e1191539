// A history that is exported with times and imported: when its messages were accepted stays as it was.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ImportedObject, openImportTarget } from '../../src/cli/import-target.ts'
import { configWith } from '../../src/config/schema.ts'
import { LogReader } from '../../src/history/reader.ts'
import { bodyOf } from '../../src/protocol/message.ts'
import { openStore, segmentFiles } from '../history/log-directory.ts'
import { inDirectory } from '../history/subscription-arbitraries.ts'
import { startBroker } from '../system/broker-process.ts'
import { runCommand } from '../system/command-process.ts'
import { configOf, exported, indicators, infoOf, publish, temporaryDirectory } from '../system/history-process.ts'
import { indicator } from '../system/wire.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

const config = configWith()

/** Imports lists of objects, one after the other. */
async function importInto(directory: string, ...lists: (readonly ImportedObject[])[]): Promise<number> {
  const target = await openImportTarget(directory, config, new AbortController().signal)
  for (const list of lists) assert.equal(await target.take(list), undefined)
  await target.close()
  return target.movedTimes
}

/** What is in a history since a time: each object, and when it was accepted. */
async function keptIn(directory: string, sinceMs = 0): Promise<readonly ImportedObject[]> {
  const reader = await LogReader.open(directory)
  const kept: ImportedObject[] = []
  for await (const { messages, acceptedMs } of reader.batches(sinceMs)) {
    for (const message of messages) kept.push({ text: bodyOf(message), acceptedMs })
  }
  await reader.close()
  return kept
}

describe('times that are imported', { concurrency: true }, () => {
  test('stay, never go back, and none is still to come; what is asked for since a time is what came since', async () => {
    const text = indicator()
    const ages = fc.array(
      fc.array(fc.oneof(fc.integer({ min: -2, max: 20 * 24 }), fc.constant(undefined)), { minLength: 1, maxLength: 5 }),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(ages, ages, fc.integer({ min: 0, max: 20 * 24 }), (before, after, since) =>
        inDirectory(async directory => {
          const startMs = Date.now()
          const listsOf = (lists: readonly (readonly (number | undefined)[])[]) =>
            lists.map(list =>
              list.map(age => ({ text, acceptedMs: age === undefined ? undefined : startMs - age * hourMs })),
            )
          const lists = [...listsOf(before), ...listsOf(after)]
          const moved =
            (await importInto(directory, ...lists.slice(0, before.length))) +
            (await importInto(directory, ...lists.slice(before.length)))
          const kept = await keptIn(directory)
          const given = lists.flat().map(({ acceptedMs }) => acceptedMs)
          let newestMs = 0
          let expectedMoved = 0
          assert.equal(kept.length, given.length)
          for (const [index, { acceptedMs = 0 }] of kept.entries()) {
            const wishedMs = given[index]
            assert.ok(acceptedMs >= newestMs && acceptedMs <= Date.now())
            if (wishedMs !== undefined && wishedMs <= startMs) assert.equal(acceptedMs, Math.max(newestMs, wishedMs))
            else assert.ok(acceptedMs >= startMs)
            if (wishedMs !== undefined && wishedMs !== acceptedMs) expectedMoved++
            newestMs = acceptedMs
          }
          assert.equal(moved, expectedMoved)
          const sinceMs = startMs - since * hourMs
          assert.deepEqual(
            await keptIn(directory, sinceMs),
            kept.filter(({ acceptedMs = 0 }) => acceptedMs >= sinceMs),
          )
        }),
      ),
      { numRuns: 12 },
    )
  })

  test('are those by which retention goes', () =>
    inDirectory(async directory => {
      const startMs = Date.now()
      const text = indicator()
      const days = Array.from({ length: 20 }, (_, index) => [{ text, acceptedMs: startMs - (19 - index) * dayMs }])
      assert.equal(await importInto(directory, ...days), 0)
      assert.ok(segmentFiles(directory).length >= 10)
      const { store } = await openStore(directory, { retentionDays: 7 })
      await store.close()
      const kept = await keptIn(directory)
      const oldestDays = (startMs - (kept[0]?.acceptedMs ?? 0)) / dayMs
      // A segment goes when all of it is too old.
      assert.ok(oldestDays >= 7 && oldestDays <= 9, `${oldestDays} days`)
    }))

  test('are kept from export to import by the commands, and only where they can be', async t => {
    const broker = await startBroker(t)
    const bodies = indicators(3)
    for (const body of bodies) await publish(broker.manage, [body])
    await broker.stop()
    const { oldest, newest } = await infoOf(t, ...configOf(broker))
    const directory = join(temporaryDirectory(t), 'history')
    const bundle = (await exported(t, ...configOf(broker), '--times', '--format', 'bundle')).join('\n')
    const restored = await runCommand(t, ['history', 'import', '--path', directory, '--keep-times', '-'], bundle)
    assert.match(restored.stderr, /threatbus: imported 3 \(indicator 3\), skipped 0, refused 0\n$/)
    assert.equal(restored.code, 0)
    assert.deepEqual(await exported(t, '--path', directory), bodies)
    const info = await infoOf(t, '--path', directory)
    assert.deepEqual([info.oldest.time, info.newest.time], [oldest.time, newest.time])
    const untimed = await runCommand(
      t,
      ['history', 'import', '--path', directory, '--keep-times', '-'],
      bodies.join('\n'),
    )
    assert.equal(untimed.code, 65)
    assert.match(untimed.stderr, /-:1: it does not say when/)

    const next = await startBroker(t, {}, broker)
    const backup = (await exported(t, ...configOf(next), '--times')).join('\n')
    const refused = await runCommand(t, ['history', 'import', ...configOf(next), '--keep-times', '-'], backup)
    assert.equal(refused.code, 69)
    assert.match(refused.stderr, /stop it before/)
    const taken = await runCommand(t, ['history', 'import', ...configOf(next), '-'], backup)
    assert.equal(taken.code, 0)
    assert.match(taken.stderr, /counts as accepted now/)
  })
})
