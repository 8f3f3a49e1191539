// The test writes lines into a pipe that somebody reads, reads late, or doesn't read.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { LineWriter } from '../../src/observe/line-writer.ts'

const room = mkdtempSync(join(tmpdir(), 'threatbus-pipe-'))
after(() => rmSync(room, { recursive: true }))

/** A pipe that nobody reads yet, neither end of which blocks. */
function pipe(): { path: string; read: () => string; writer: number; close: () => void } {
  const path = join(mkdtempSync(join(room, 'pipe-')), 'pipe')
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  const read = () => {
    const buffer = Buffer.alloc(1_048_576)
    return buffer.toString('utf8', 0, readSync(reader, buffer))
  }
  const close = () => {
    closeSync(reader)
    closeSync(writer)
  }
  return { path, read, writer, close }
}

test('lines that a full pipe refuses are lost and counted, and what follows begins on a line of its own', () => {
  const { read, writer, close } = pipe()
  const told: unknown[] = []
  const report = {
    began: (error: NodeJS.ErrnoException) => told.push(error.code),
    ended: (lost: number) => told.push(lost),
  }
  const lines = new LineWriter(writer, report, 0)
  lines.write('one\n')
  lines.write(`${'x'.repeat(200_000)}\n`)
  lines.write('two\n')
  lines.write('three\n')
  assert.deepEqual(told, ['EAGAIN'])
  const first = read()
  lines.write('four\n')
  lines.write('five\n')
  assert.deepEqual(told, ['EAGAIN', 3])
  assert.match(first + read(), /^one\nx+\nfour\nfive\n$/)
  close()
})

test('only the first of the lines that a full pipe refuses is waited for', () => {
  const { writer, close } = pipe()
  const told: number[] = []
  const lines = new LineWriter(writer, { began: () => told.push(0), ended: lost => told.push(lost) }, 50)
  const begun = performance.now()
  for (let line = 0; line < 200; line++) lines.write(`${'x'.repeat(1000)}\n`)
  // Waiting for each would take more than five seconds.
  assert(performance.now() - begun < 5000)
  assert.deepEqual(told, [0])
  close()
})

test('a pipe that is read slowly is waited for', async () => {
  const { path, writer, close } = pipe()
  const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] })
  const lost: Error[] = []
  const lines = new LineWriter(writer, { began: error => lost.push(error), ended: () => {} }, 60_000)
  // More than the pipe takes, less than the pipe and that behind cat, which isn't read before this call returns.
  lines.write(`${'x'.repeat(100_000)}\n`)
  close()
  let received = 0
  for await (const chunk of reader.stdout) received += chunk.length
  assert.deepEqual(lost, [])
  assert.equal(received, 100_001)
})
