// A child process logs to its standard error, and ends in one way or another; the test reads what it said.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { configSchema } from '../../src/config/schema.ts'

const defaults = configSchema.parse({}).logging
const logModule = new URL('../../src/observe/log.js', import.meta.url).href

/** Runs a script that has `createLog` and `logging` in a process of its own. */
function script(body: string): string[] {
  const source = `import { createLog } from '${logModule}'; const logging = ${JSON.stringify(defaults)}; ${body}`
  return ['--input-type=module', '--eval', source]
}

for (const [what, end, status] of [
  ['exits', 'process.exit(7)', 7],
  ['crashes', 'throw new Error("crash")', 1],
  ['is killed', 'process.kill(process.pid, "SIGKILL")', null],
] as const) {
  test(`the last line before a process ${what} is out, on standard error`, () => {
    const child = spawnSync(process.execPath, script(`(await createLog(logging)).logger.fatal('the end'); ${end}`), {
      encoding: 'utf8',
    })
    assert.equal(child.status, status)
    assert.equal(child.stdout, '')
    assert.equal(JSON.parse(child.stderr.split('\n')[0] ?? '').msg, 'the end')
  })
}

test('a broker whose standard error is closed goes on', async () => {
  const body = `
    const { logger } = await createLog(logging)
    process.stdin.once('data', () => {
      for (let line = 0; line < 1000; line++) logger.info('nobody reads this')
      process.stdout.write('alive')
      process.exit(0)
    })
    process.stdout.write('ready ')`
  const child = spawn(process.execPath, script(body), { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  for await (const chunk of child.stdout) {
    said += chunk
    if (said === 'ready ') {
      child.stderr.once('close', () => child.stdin.write('go'))
      child.stderr.destroy()
    }
  }
  assert.equal(said, 'ready alive')
})

test('pino-pretty is loaded only for a terminal', () => {
  const body = `
    import { createRequire } from 'node:module'
    const loaded = () => Object.keys(createRequire('/').cache).some(path => path.includes('pino-pretty'))
    await createLog(logging)
    const pipe = loaded()
    await createLog(logging, { console: { isTTY: true, write() {} } })
    process.stdout.write(JSON.stringify([pipe, loaded()]))`
  assert.equal(spawnSync(process.execPath, script(body), { encoding: 'utf8' }).stdout, '[false,true]')
})
