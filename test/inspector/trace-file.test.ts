import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Watch } from '../../src/inspector/recorder.ts'
import { linesOf, TraceFile, traceHeadOf, traceParts } from '../../src/inspector/trace/trace-file.ts'

const head = JSON.stringify({ type: 'trace', version: 1, program: 'test', pid: 1, at: 0 })

/** A trace file, and what its recorder hears of it. */
function traceFile(t: TestContext, maxBytes: number, isCaughtUp = true) {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-trace-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'trace.jsonl')
  const heard: string[] = []
  const trace = new TraceFile(path, maxBytes, { failed: error => heard.push(error.message) })
  const watch: Watch = {
    drained: () => heard.push('drained'),
    isCaughtUp,
    restart: () => trace.take([head]),
    end: () => heard.push('ended'),
  }
  trace.begin(() => {
    trace.take([head])
    return watch
  })
  return { path, trace, heard }
}

test('a trace file that is full begins anew, and its newest half is always there', async t => {
  const { path, trace } = traceFile(t, 10_000)
  for (let n = 0; n < 1000; n++) trace.take([JSON.stringify({ n, fill: 'x'.repeat(100) })])
  await trace.close()
  assert.ok(statSync(path).size + statSync(`${path}.1`).size < 11_000)
  const lines: string[] = []
  for await (const line of linesOf(traceParts(path))) lines.push(line)
  const numbers = lines.map(line => JSON.parse(line).n).filter(n => n !== undefined)
  assert.ok(numbers.length > 40)
  assert.deepEqual(
    numbers,
    Array.from(numbers, (_, place) => 1000 - numbers.length + place),
  )
  assert.equal(readFileSync(path, 'utf8').split('\n')[0], head)
  assert.equal((await traceHeadOf(path)).program, 'test')
})

test('a trace that is too small for so many actors ends, and says so', async t => {
  const { path, trace, heard } = traceFile(t, 10_000, false)
  for (let n = 0; n < 99; n++) trace.take(['x'.repeat(100)])
  assert.deepEqual(heard, ['ended', 'it is too small for so many actors (--trace-max-bytes)'])
  await trace.close()
  assert.ok(!existsSync(`${path}.1`))
})
