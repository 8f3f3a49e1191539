// The test logs; a stream that stands for the console, and a file, take the lines.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Logging } from '../../src/config/logging.ts'
import { configSchema } from '../../src/config/schema.ts'
import { createLog, type Log } from '../../src/observe/log.ts'

const room = mkdtempSync(join(tmpdir(), 'threatbus-log-'))
after(() => rmSync(room, { recursive: true }))
const defaults = configSchema.parse({}).logging

/** A log whose console lines are kept. */
async function logTo(
  logging: Partial<Logging> = {},
  { isTTY = false, env = {} }: { isTTY?: boolean; env?: Record<string, string> } = {},
): Promise<Log & { lines: string[] }> {
  const lines: string[] = []
  const console = { isTTY, write: (line: string) => lines.push(line) }
  const log = await createLog({ ...defaults, ...logging }, { console, env, name: 'threatbus' })
  return { ...log, lines }
}

/** A path for a log file of this test alone. */
function logFile(): string {
  return join(mkdtempSync(join(room, 'test-')), 'bus.log')
}

/** The messages in a file or list of JSON lines. */
function messages(lines: string | readonly string[]): unknown[] {
  const text = typeof lines === 'string' ? lines : lines.join('')
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line).msg)
}

test('every level carries its original name', async () => {
  const { logger, lines } = await logTo({ console_verbosity: 'DEBUG' })
  for (const level of ['debug', 'info', 'warn', 'error', 'fatal'] as const) logger[level](level)
  assert.deepEqual(
    lines.map(line => [JSON.parse(line).level, JSON.parse(line).msg]),
    [
      ['DEBUG', 'debug'],
      ['INFO', 'info'],
      ['WARNING', 'warn'],
      ['ERROR', 'error'],
      ['CRITICAL', 'fatal'],
    ],
  )
})

test('without a terminal, lines are JSON with the time, the program, and the fields given', async () => {
  const { logger, lines } = await logTo()
  logger.info({ topic: 'abcdef…' }, 'subscribed')
  const { time, pid, ...rest } = JSON.parse(lines.join(''))
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.equal(pid, process.pid)
  assert.deepEqual(rest, { level: 'INFO', name: 'threatbus', topic: 'abcdef…', msg: 'subscribed' })
})

test('on a terminal, a line reads like the original', async () => {
  const { logger, lines } = await logTo({}, { isTTY: true, env: { NO_COLOR: '1' } })
  logger.warn({ topic: 'abcdef…', waiting: 5 }, 'the subscriber is stale')
  assert.match(
    lines.join(''),
    /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] WARNING \(threatbus\): the subscriber is stale \{"topic":"abcdef…","waiting":5\}\n$/,
  )
})

for (const [what, isTTY, env, coloured] of [
  ['a terminal has colours', true, {}, true],
  ['NO_COLOR turns colours off', true, { NO_COLOR: '1' }, false],
  ['an empty NO_COLOR asks for nothing', true, { NO_COLOR: '' }, true],
  ['a dumb terminal has no colours', true, { TERM: 'dumb' }, false],
  ['a pipe has no colours', false, {}, false],
] as const) {
  test(what, async () => {
    const { logger, lines } = await logTo({}, { isTTY, env })
    logger.error('x')
    assert.equal(lines.join('').includes('\x1b['), coloured)
  })
}

test('console and file each have their own level', async () => {
  const filename = logFile()
  const { logger, lines, close } = await logTo({
    file: true,
    filename,
    file_verbosity: 'DEBUG',
    console_verbosity: 'ERROR',
  })
  logger.debug('one')
  logger.info('two')
  logger.error('three')
  close()
  assert.deepEqual(messages(lines), ['three'])
  assert.deepEqual(messages(readFileSync(filename, 'utf8')), ['one', 'two', 'three'])
})

test('the less severe of the two levels may be the console’s', async () => {
  const filename = logFile()
  const { logger, lines, close } = await logTo({ file: true, filename, file_verbosity: 'CRITICAL' })
  logger.debug('one')
  logger.info('two')
  logger.fatal('three')
  close()
  assert.deepEqual(messages(lines), ['two', 'three'])
  assert.deepEqual(messages(readFileSync(filename, 'utf8')), ['three'])
})

test('with both off nothing is logged, and no file is made', async () => {
  const filename = logFile()
  const { logger, lines, reopen, close } = await logTo({ console: false, filename })
  logger.fatal('x')
  reopen()
  close()
  assert.deepEqual(lines, [])
  assert(!existsSync(filename))
  assert(!logger.isLevelEnabled('fatal'))
})

test('the file alone can be on', async () => {
  const filename = logFile()
  const { logger, lines, close } = await logTo({ console: false, file: true, filename })
  logger.info('x')
  close()
  logger.info('after it was closed')
  assert.deepEqual(lines, [])
  assert.deepEqual(messages(readFileSync(filename, 'utf8')), ['x'])
})

test('the file is appended to, and is nobody else’s to read', async () => {
  const filename = logFile()
  for (const message of ['one', 'two']) {
    const { logger, close } = await logTo({ console: false, file: true, filename })
    logger.info(message)
    close()
  }
  assert.deepEqual(messages(readFileSync(filename, 'utf8')), ['one', 'two'])
  assert.equal(statSync(filename).mode & 0o007, 0)
})

test('a line is in the file before the logging call returns', async () => {
  const filename = logFile()
  const { logger, close } = await logTo({ console: false, file: true, filename })
  logger.info('x')
  assert.deepEqual(messages(readFileSync(filename, 'utf8')), ['x'])
  close()
})

test('a log file that can not be opened is told in one sentence', async () => {
  const filename = join(room, 'no', 'such', 'directory', 'bus.log')
  await assert.rejects(logTo({ file: true, filename }), {
    message: `the log file ${filename} can't be opened: ENOENT: no such file or directory, open '${filename}'`,
  })
})

test('after logrotate moved the file away, reopening goes on in a new one', async () => {
  const filename = logFile()
  const { logger, lines, reopen, close } = await logTo({ file: true, filename })
  logger.info('one')
  renameSync(filename, `${filename}.1`)
  logger.info('two')
  reopen()
  logger.info('three')
  close()
  assert.deepEqual(messages(readFileSync(`${filename}.1`, 'utf8')), ['one', 'two'])
  assert.deepEqual(messages(readFileSync(filename, 'utf8')), ['the log file was opened anew', 'three'])
  assert.deepEqual(messages(lines), ['one', 'two', 'the log file was opened anew', 'three'])
})

test('if the file can not be opened anew, the old one goes on', async () => {
  const filename = logFile()
  const { logger, lines, reopen, close } = await logTo({ file: true, filename })
  const moved = join(mkdtempSync(join(room, 'moved-')), 'bus.log')
  renameSync(filename, moved)
  rmSync(join(filename, '..'), { recursive: true })
  reopen()
  reopen()
  logger.info('goes on')
  close()
  const said = "the log file can't be opened anew; the old one goes on"
  assert.deepEqual(messages(lines), [said, said, 'goes on'])
  assert.deepEqual(messages(readFileSync(moved, 'utf8')), [said, said, 'goes on'])
})

test('a full disk loses lines of the file, not the broker; that is told once', async () => {
  const filename = logFile()
  const { logger, lines, reopen, close } = await logTo({ file: true, filename: '/dev/full' })
  logger.info('one')
  logger.info('two')
  assert.deepEqual(messages(lines), ['the log file refuses lines; they are lost to it', 'one', 'two'])
  assert.equal(JSON.parse(lines[0] ?? '').err.code, 'ENOSPC')
  reopen()
  close()
  assert(!existsSync(filename))
})

test('errors are told with their stack', async () => {
  const { logger, lines } = await logTo()
  logger.error({ err: new Error('no route') }, 'failed')
  const { err, msg } = JSON.parse(lines.join(''))
  assert.equal(msg, 'failed')
  assert.equal(err.message, 'no route')
  assert.match(err.stack, /log\.test\./)
})

test('what strangers wrote can not forge a line on a terminal', async () => {
  const { logger, lines } = await logTo({}, { isTTY: true, env: { NO_COLOR: '1' } })
  const forged = 'x\n[2026-01-01 00:00:00.000] INFO (threatbus): all is well\r\x1b[2J\x9b31m\u2028\u202e\ud800'
  logger.info(forged)
  logger.info({ name: forged, detail: forged, [forged]: forged, list: [{ deep: forged }] }, 'x')
  logger.error({ err: new Error(forged) }, 'x')
  logger.error({ error: forged }, 'x')
  logger.error(new Error(forged), forged)
  for (const text of lines) {
    assert.equal(text.match(/^\[/gm)?.length, 1, text)
    assert(!/[\p{Cc}\p{Cs}\u2028\u202e]/u.test(text.replaceAll('\n', '')), JSON.stringify(text))
    const shown = text.replaceAll('\\\\', '\\')
    assert(shown.includes('all is well\\r\\x1b[2J\\x9b31m\\u2028\\u202e\\ud800'), text)
  }
})

test('what strangers nested deep is cut off on a terminal', async () => {
  const { logger, lines } = await logTo({}, { isTTY: true, env: { NO_COLOR: '1' } })
  logger.info({ detail: JSON.parse(`${'['.repeat(1000)}${']'.repeat(1000)}`) }, 'x')
  assert.match(lines.join(''), /: x \{"detail":\[{7,9}"…"\]{7,9}\}\n$/)
})
