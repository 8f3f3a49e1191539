import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
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

test('on a terminal a bar shows how far it is, and leaves whole the lines that are written meanwhile', () => {
  const { stream, written } = fakeStderr(true)
  const progress = showProgress(stream, 1000)
  progress.update(500, 7)
  progress.writeLine('file:1: a problem')
  progress.stop()
  assert.match(written(), /0 % \| 0 published/)
  assert.ok(written().includes('\r\x1b[Kfile:1: a problem\n'))
  assert.match(written(), /50 % \| 7 published/)
})

test('on a terminal the bar only counts if nobody knows how much there is', () => {
  const { stream, written } = fakeStderr(true)
  const progress = showProgress(stream, undefined)
  progress.update(500, 7)
  progress.stop()
  assert.match(written(), /7 published/)
  assert.ok(!written().includes('%'))
})

test('in a pipe there are the lines, and nothing else', () => {
  const { stream, written } = fakeStderr(false)
  const progress = showProgress(stream, 1000)
  progress.update(500, 7)
  progress.writeLine('file:1: a problem')
  progress.stop()
  assert.equal(written(), 'file:1: a problem\n')
})
