import assert from 'node:assert/strict'
import { type FileHandle, open } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { openSubscriptions, type SubscriptionJournal } from '../../src/history/subscriptions/subscriptions.ts'
import { apply, changes, inDirectory, Model, recordedEvents } from './subscription-arbitraries.ts'

/**
 * A machine that loses its power after so many steps on its disk: nothing is done from then on, and of what was not synced
 * to a file any part is gone.
 */
function machineOf(steps: number, kept: number) {
  const machine = { left: steps, isOff: false }
  const files = new Set<{ readonly handle: FileHandle; synced: number }>()
  const powerCut = async () => {
    machine.isOff = true
    for (const { handle, synced } of files) {
      const { size } = await handle.stat()
      await handle.truncate(Math.max(synced, Math.floor(synced + (size - synced) * kept)))
    }
  }
  /** Something is done to the disk, or not any more. */
  const step = async () => {
    if (!machine.isOff && machine.left-- === 0) await powerCut()
    if (machine.isOff) throw Object.assign(new Error('EIO: the power is off'), { code: 'EIO' })
  }
  const openFile = async (path: string, flags: string, mode?: number): Promise<FileHandle> => {
    await step()
    const handle = await open(path, flags, mode)
    const { sync, datasync, appendFile, close } = handle
    if (flags === 'r') {
      handle.sync = async () => {
        await step()
        await sync.call(handle)
      }
      return handle
    }
    const file = { handle, synced: 0 }
    files.add(file)
    const synced = async (by: () => Promise<void>) => {
      await step()
      await by.call(handle)
      file.synced = (await handle.stat()).size
    }
    handle.sync = () => synced(sync)
    handle.datasync = () => synced(datasync)
    handle.appendFile = async data => {
      await step()
      await appendFile.call(handle, data)
    }
    handle.close = async () => {
      files.delete(file)
      await close.call(handle)
    }
    return handle
  }
  return { machine, openFile }
}

const byTopic = (journal: SubscriptionJournal) => new Map(journal.all().map(record => [record.topic, record]))

test('wherever the power is cut while the journal is rewritten, it is whole: what was synced is there', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: changes },
    { weight: 1, arbitrary: fc.constant('write' as const) },
    { weight: 3, arbitrary: fc.constant('sync' as const) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }),
      fc.nat(30),
      fc.constantFrom(0, 0.5, 0.9, 1),
      async (steps, cutAfter, kept) =>
        inDirectory(async directory => {
          const { machine, openFile } = machineOf(cutAfter, kept)
          const options = { openFile, compactAbove: 0, retryMs: 1e6 }
          const journal = await openSubscriptions(directory, recordedEvents(), options)
          const model = new Model()
          /** What each topic may be afterwards: what it was when all was on disk last, and whatever it was since. */
          let possible = new Map<string, Set<string>>()
          for (const each of steps) {
            if (each === 'write') await journal.written().catch(() => {})
            else if (each === 'sync') {
              const before = new Map(model.records)
              const isSynced = await journal.synced().then(
                () => true,
                () => false,
              )
              if (isSynced)
                possible = new Map([...before].map(([topic, record]) => [topic, new Set([stateOf(record)])]))
            } else {
              const topic = 'put' in each ? each.put.topic : 'move' in each ? each.move : each.remove
              const states = possible.get(topic) ?? new Set([stateOf(undefined)])
              apply(each, journal, model)
              possible.set(topic, states.add(stateOf(model.records.get(topic))))
            }
            if (machine.isOff) break
          }
          const after = await openSubscriptions(directory, recordedEvents())
          const records = byTopic(after)
          for (const topic of new Set([...possible.keys(), ...records.keys()])) {
            const states = possible.get(topic) ?? new Set([stateOf(undefined)])
            assert.ok(states.has(stateOf(records.get(topic))), `${topic}: ${stateOf(records.get(topic))}`)
          }
          await after.close()
          machine.isOff = true
          await journal.close()
        }),
    ),
    { numRuns: 150 },
  )
})

function stateOf(record: object | undefined): string {
  return JSON.stringify(record) ?? 'none'
}
