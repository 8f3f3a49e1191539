import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startNode, temporaryFile } from './command-process.ts'

const together = fileURLToPath(new URL('../../.tools/together.js', import.meta.url))
const brokers = new URL('./broker-process.js', import.meta.url).href

/** Fulfilled when a process is gone, or nothing but a zombie. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      if (/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return
    } catch {
      return
    }
    await new Promise(resolve => setImmediate(resolve))
  }
}

describe('tests that are interrupted leave no broker behind', { concurrency: true }, () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`by ${signal}`, async t => {
      const file = temporaryFile(
        t,
        'endless.test.mjs',
        `import { test } from 'node:test'
        import { startBroker } from '${brokers}'
        test('does not end', async t => {
          const broker = await startBroker(t)
          console.log('PIDS ' + process.pid + ' ' + broker.process.pid + ' ')
          await new Promise(resolve => setTimeout(resolve, 600_000))
        })`,
      )
      const run = startNode(
        t,
        together,
        'env',
        '-u',
        'NODE_TEST_CONTEXT',
        process.execPath,
        '--test',
        '--test-reporter=tap',
        file,
      )
      let found: RegExpExecArray | null = null
      for (let count = 1; found === null; count++)
        found = /PIDS (\d+) (\d+)/.exec((await run.printed(count)).join('\n'))
      run.kill(signal)
      assert.ok(((await run.ended).code ?? 0) > 128)
      for (const pid of found.slice(1)) await gone(Number(pid))
    })
  }
})
