import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { headerLine, putLine } from '../../src/history/subscriptions/journal-lines.ts'
import { openSubscriptions, subscriptionsFile } from '../../src/history/subscriptions/subscriptions.ts'
import { subscription } from '../history/subscription-arbitraries.ts'

/**
 * Opens a journal of so many bytes, as a version without a bound for it left them: the first subscription and the last are
 * there, and what lies between (a hole in the file, which takes no room on the disk) is damaged.
 */
export async function largeJournal(bytes: number) {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-journal-'))
  try {
    const file = openSync(join(directory, subscriptionsFile), 'w')
    writeSync(file, headerLine + putLine(1, subscription(1)))
    writeSync(file, `\n${putLine(2, subscription(2))}`, bytes)
    closeSync(file)
    const skipped: number[] = []
    const startMs = performance.now()
    const journal = await openSubscriptions(directory, {
      onSkipped: ({ numbers }) => skipped.push(...numbers),
      onFailing: error => assert.fail(String(error)),
      onRecovered() {},
    })
    const openedAfterMs = Math.round(performance.now() - startMs)
    assert.deepEqual(journal.all(), [subscription(1), subscription(2)])
    assert.deepEqual(skipped, [3])
    await journal.synced()
    const rewrittenBytes = journal.bytes
    assert.ok(rewrittenBytes < 2000)
    await journal.close()
    return { bytes, openedAfterMs, rewrittenBytes, peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024) }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
