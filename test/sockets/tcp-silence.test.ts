import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { TcpSilence } from '../../src/sockets/tcp-silence.ts'

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'

/** A line of Linux's table: from 127.0.0.1 to it, with so many bytes unsent that were repeated so often. */
function line(localPort: number, remotePort: number, unsent: number, tries: number): string {
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0')
  const ends = `0100007F:${hex(localPort, 4)} 0100007F:${hex(remotePort, 4)}`
  return `   0: ${ends} 01 ${hex(unsent, 8)}:00000000 01:00000014 ${hex(tries, 8)}     0        0 1 4 0000 20 4 30 10 -1\n`
}

const ends = (localPort: number, remotePort: number) => ({ localPort, remoteAddress: '127.0.0.1', remotePort })

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

describe("the system's table of connections", () => {
  test('tells who is silent, and is read in pieces: others have their turn meanwhile', async t => {
    const table = join(directoryOf(t), 'tcp')
    const lively = Array.from({ length: 50_000 }, (_, at) => line(13_371, at, 0, 0)).join('')
    writeFileSync(
      table,
      head + lively + line(13_371, 60_000, 1, 3) + line(13_371, 60_001, 1, 2) + line(13_371, 60_002, 0, 9),
    )
    const looking = new TcpSilence([table, join(table, 'there is none')]).look()
    let turns = 0
    let isOver = false
    const counting = (async () => {
      for (; !isOver; turns++) await nextTurn()
    })()
    const isSilent = await looking
    isOver = true
    await counting
    assert.ok(turns > 50, `${turns} turns of others`)
    const silent = [0, 1, 60_000, 60_001, 60_002].filter(remotePort => isSilent(ends(13_371, remotePort)))
    assert.deepEqual(silent, [60_000])
    assert.equal(isSilent(ends(13_372, 60_000)), false)
  })

  test('is not read twice at once, nor again soon after it took long', async t => {
    // Whoever reads this waits until the test writes.
    const table = join(directoryOf(t), 'tcp')
    execFileSync('mkfifo', [table])
    let nowMs = 0
    const silence = new TcpSilence([table], () => nowMs)
    const write = async () => {
      const writer = await open(table, 'w')
      await writer.write(head + line(1, 2, 1, 3))
      await writer.close()
    }
    const first = silence.look()
    assert.equal((await silence.look())(ends(1, 2)), false, 'it is being read')
    nowMs = 100
    await write()
    assert.equal((await first)(ends(1, 2)), true)
    nowMs = 2000
    assert.equal((await silence.look())(ends(1, 2)), false, 'it was read a moment ago')
    nowMs = 2100
    const again = silence.look()
    await write()
    assert.equal((await again)(ends(1, 2)), true)
  })
})
