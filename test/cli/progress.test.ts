import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { Pace } from '../../src/cli/pace.ts'
import { showProgress } from '../../src/cli/progress.ts'

/** What `threatbus publish` sees of stderr: a terminal, or not. */
function fakeStderr(isTTY: boolean) {
  let written = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += chunk
      done()
    },
  })
  const terminal = { isTTY, columns: 80, rows: 24, cursorTo: () => true, clearLine: () => true }
  return { stream: Object.assign(stream, terminal) as unknown as NodeJS.WriteStream, written: () => written }
}

/** What the bar last looked like. */
function drawn(written: string): string {
  return written.split('\x1b[1G').findLast(part => part.includes('published')) ?? ''
}

test('on a terminal a bar shows how far it is, and leaves whole the lines that are written meanwhile', () => {
  const { stream, written } = fakeStderr(true)
  const progress = showProgress(stream, 1000)
  assert.match(drawn(written()), /^-+ 0 B of 1000 B \| 0 B\/s \| \? left \| 0 published/)
  progress.update(500, { published: 7 })
  progress.writeLine('file:1: a problem')
  progress.stop()
  assert.ok(written().includes('\r\x1b[Kfile:1: a problem\n'))
  assert.match(drawn(written()), /^(=+)-+ 500 B of 1000 B \| .* left \| 7 published/)
})

test('the bar tells bytes, rate and the time that is left as they are when it is drawn, also when it has stopped', () => {
  const mib = 1_048_576
  for (const [readBytes, seconds, expected] of [
    [2 * mib, 4, '2.0 MiB of 300.0 MiB | 512.0 KiB/s | 9 min 56 s left | 3 published'],
    [300 * mib, 4, '300.0 MiB of 300.0 MiB | 75.0 MiB/s | 0 s left | 3 published'],
    // A file that grows.
    [400 * mib, 4, '400.0 MiB of 400.0 MiB | 100.0 MiB/s | 0 s left | 3 published'],
    [1 * mib, 40, '1.0 MiB of 300.0 MiB | 25.6 KiB/s | 3 h 19 min left | 3 published'],
  ] as const) {
    const { stream, written } = fakeStderr(true)
    let nowMs = 1000
    const progress = showProgress(stream, 300 * mib, () => nowMs)
    nowMs += seconds * 1000
    const counts = { published: 2 }
    progress.update(readBytes, counts)
    counts.published = 3
    progress.stop()
    assert.ok(drawn(written()).includes(expected), drawn(written()))
  }
})

test('the pace is that of the last ten seconds, and a standstill ends at 0', () => {
  const pace = new Pace()
  for (let second = 0; second <= 30; second++) {
    const amount = second <= 15 ? 100 * second : 1500
    const rate = pace.perSecond(1000 * second, amount)
    if (second === 0) assert.equal(rate, 0)
    else if (second <= 15) assert.equal(rate, 100)
    else if (second < 25) assert.ok(rate > 0 && rate < 100)
    else assert.equal(rate, 0)
  }
})

test('on a terminal the bar only counts if nobody knows how much there is', () => {
  const { stream, written } = fakeStderr(true)
  const progress = showProgress(stream, undefined)
  progress.update(500, { published: 7 })
  progress.stop()
  assert.match(drawn(written()), /^500 B read \| .*\/s \| 7 published/)
  assert.ok(!written().includes('left'))
})

test('in a pipe there are the lines, and nothing else', () => {
  const { stream, written } = fakeStderr(false)
  const progress = showProgress(stream, 1000)
  progress.update(500, { published: 7 })
  progress.writeLine('file:1: a problem')
  progress.stop()
  assert.equal(written(), 'file:1: a problem\n')
})
