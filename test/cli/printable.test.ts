// What strangers wrote, on its way to a terminal.
import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineOutput, onOneLine } from '../../src/cli/line-output.ts'
import { showProgress } from '../../src/cli/progress.ts'
import { printableLines } from '../../src/config/printable.ts'

/** C0, DEL and C1, what ends lines elsewhere, and what reorders them. */
const acting = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u

/** Any text at all, with what acts on terminals made likely. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xa0 }).map(code => String.fromCharCode(code)) }),
  fc.string({ unit: fc.constantFrom('\x9b', '31m', '\x1b', '\x7f', '\u2028', '\u202e', '\\', '"', 'é') }),
)
/** JSON as strangers write it: nothing escaped that need not be, and any white space between its tokens. */
const json = fc
  .tuple(fc.dictionary(text, fc.oneof(text, fc.array(text))), fc.constantFrom('', '\t', ' ', '\r'))
  .map(([value, indent]) => JSON.stringify(value, null, indent).replaceAll('\n', indent === '' ? '\n' : '\r\n\t'))

/** What a terminal, or a pipe, gets. */
function sunk(isTTY: boolean) {
  let written = ''
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      written += chunk
      done()
    },
  })
  return { stream: Object.assign(stream, { isTTY }) as unknown as NodeJS.WriteStream, written: () => written }
}

function assertOneLine(written: string): void {
  assert.equal(written.at(-1), '\n')
  assert.doesNotMatch(written.slice(0, -1), acting)
}

test('a line of JSON on a terminal has nothing that acts on it but its end, and means the same', async () => {
  await fc.assert(
    fc.asyncProperty(json, fc.constantFrom('', 'indicator '), async (line, before) => {
      const { stream, written } = sunk(true)
      const output = new LineOutput(stream)
      await output.write(before + onOneLine(line))
      await output.flush()
      assertOneLine(written())
      assert.deepEqual(JSON.parse(written().slice(before.length)), JSON.parse(line))
    }),
  )
})

test('a line in a pipe is what it was, byte for byte', async () => {
  await fc.assert(
    fc.asyncProperty(json, async line => {
      const { stream, written } = sunk(false)
      const output = new LineOutput(stream)
      await output.write(line)
      await output.flush()
      assert.equal(written(), `${line}\n`)
    }),
  )
})

test('a problem that is told beside a progress bar is one line, whatever it holds', () => {
  fc.assert(
    fc.property(text, problem => {
      const { stream, written } = sunk(false)
      showProgress(stream, undefined).writeLine(problem)
      assertOneLine(written())
    }),
  )
})

test('several lines keep their ends, and nothing else that acts on a terminal', () => {
  fc.assert(
    fc.property(text, lines => {
      assert.doesNotMatch(printableLines(lines).replaceAll('\n', ''), acting)
      assert.equal(printableLines(lines).split('\n').length, lines.split('\n').length)
    }),
  )
})
