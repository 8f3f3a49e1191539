// A command that the connector runs: a program with arguments, which no shell sees.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { runCommand } from '../../src/connector/command.ts'
import { LineSplitter } from '../../src/connector/lines.ts'

const limits = { maxLineBytes: 100, killGraceMs: 100 }

/** Runs a script of Node's. */
function node(script: string, options: Partial<Parameters<typeof runCommand>[1]> = {}, ...args: readonly string[]) {
  const lines: string[] = []
  const command = [process.execPath, '-e', script, '--', ...args]
  const result = runCommand(command, { ...limits, onLine: line => void lines.push(line), ...options })
  return result.then(({ outcome, sentence, stderr, overlongLines }) => {
    return { outcome, sentence, stderr, overlongLines, lines }
  })
}

describe('lines', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '🦊', '\r', '\n'), maxLength: 60 })

  test('are the same in whatever pieces they come', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(80)), (written, cuts) => {
        const bytes = Buffer.from(written)
        const splitter = new LineSplitter(1000, () => assert.fail('nothing is too long'))
        const lines: string[] = []
        let start = 0
        for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
          const end = Math.min(Math.max(cut, start), bytes.length)
          lines.push(...splitter.push(bytes.subarray(start, end)))
          start = end
        }
        lines.push(...splitter.end())
        const expected = written.split('\n').map(line => line.replace(/\r$/, ''))
        assert.deepEqual(
          lines,
          expected.filter(line => line !== ''),
        )
      }),
    )
  })

  test('that are too long are passed over and counted, and the others are not', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), fc.integer({ min: 1, max: 30 }), (lengths, size) => {
        let overlong = 0
        const splitter = new LineSplitter(10, () => overlong++)
        const bytes = Buffer.from(lengths.map(length => `${'x'.repeat(length)}\n`).join(''))
        const lines: string[] = []
        for (let at = 0; at < bytes.length; at += size) lines.push(...splitter.push(bytes.subarray(at, at + size)))
        assert.deepEqual(
          lines.map(({ length }) => length),
          lengths.filter(length => length > 0 && length <= 10),
        )
        assert.equal(overlong, lengths.filter(length => length > 10).length)
      }),
    )
  })
})

describe('a command', () => {
  test('gets its arguments and its input as they are, and its output comes line by line', async () => {
    const args = ['a b', '$(id)', "it's", '"', 'new\nline', '-n', '']
    const script = 'process.stdin.on("data", d => console.log(JSON.stringify([process.argv.slice(1), String(d)])))'
    const { outcome, lines } = await node(script, { stdin: 'in\n', maxLineBytes: 1000 }, ...args)
    assert.equal(outcome, 'succeeded')
    assert.deepEqual(JSON.parse(lines[0] ?? ''), [args, 'in\n'])
  })

  test('may end without reading its input', async () => {
    const { outcome } = await node('process.stdin.destroy()', { stdin: 'x'.repeat(1_000_000) })
    assert.equal(outcome, 'succeeded')
  })

  test('that fails says how, with the last of what it said', async () => {
    const { outcome, sentence, stderr } = await node(
      'console.error("x".repeat(100000)); console.error("why"); process.exit(3)',
    )
    assert.deepEqual([outcome, sentence], ['failed', 'exited with 3'])
    assert.match(stderr, /x\nwhy$/)
    assert.ok(stderr.length < 5000)
    const died = await node('process.kill(process.pid, "SIGKILL")')
    assert.deepEqual([died.outcome, died.sentence], ['failed', 'died of SIGKILL'])
  })

  test('that is not there, or can not be, is told', async () => {
    const missing = await runCommand(['/nowhere/vast'], limits)
    assert.equal(missing.outcome, 'not_started')
    assert.match(missing.sentence, /^could not be started: \/nowhere\/vast is not there/)
    const impossible = await runCommand([process.execPath, 'a\0b'], limits)
    assert.equal(impossible.outcome, 'not_started')
  })

  test('is killed at its deadline, also when it does not listen, with everything that it started', async () => {
    const child = 'setInterval(() => {}, 1000); process.on("SIGTERM", () => {})'
    const script = `
      process.on('SIGTERM', () => {})
      const { pid } = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' })
      console.log(pid)
      setInterval(() => {}, 1000)`
    const { outcome, sentence, lines } = await node(script, { timeoutMs: 1000 })
    assert.deepEqual([outcome, sentence], ['timed_out', 'was killed after 1 s'])
    const pid = Number(lines[0])
    const isGone = () => {
      try {
        // What was killed and not yet waited for is a zombie.
        return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
      } catch {
        return true
      }
    }
    while (!isGone()) await new Promise(resolve => setTimeout(resolve, 10))
  })

  test('is killed when nobody wants it any more, before and after it was started', async () => {
    const controller = new AbortController()
    const running = node('setInterval(() => {}, 1000)', {
      signal: controller.signal,
      onStarted: () => controller.abort(),
    })
    assert.equal((await running).outcome, 'aborted')
    assert.equal((await node('', { signal: controller.signal })).outcome, 'aborted')
  })

  test('that prints too much is killed', async () => {
    const { outcome } = await node('setInterval(() => console.log("x".repeat(50)), 1)', { maxOutputBytes: 1000 })
    assert.equal(outcome, 'too_much_output')
  })

  test('prints no faster than its lines are taken', async () => {
    let taken = 0
    const script = 'for (let n = 0; n < 20000; n++) console.log("x".repeat(50))'
    const { outcome } = await node(script, {
      onLine: async () => {
        if (taken++ % 1000 === 0) await new Promise(resolve => setImmediate(resolve))
      },
    })
    assert.deepEqual([outcome, taken], ['succeeded', 20_000])
  })

  test('is killed when a line of its can not be taken, and the error is thrown', async () => {
    const refuse = () => {
      throw new Error('no')
    }
    await assert.rejects(node('setInterval(() => console.log("x"), 1)', { onLine: refuse }), /^Error: no$/)
  })
})
