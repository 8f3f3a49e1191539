// The commands on a pseudo-terminal, with what strangers published that would act on it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { startBroker, threatbusCommand } from './broker-process.ts'
import { runCommand, temporaryFile } from './command-process.ts'
import { indicator } from './wire.ts'

/** What would clear the screen by C1, colour it by C0, erase, end a line and reorder it. */
const name = 'a\x9b2Jb\x7fc\u2028d\u202ee'

const acting = /[\p{Cc}\p{Zl}\p{Zp}\u202e]/u

/** What a command writes to a terminal, output and errors. */
async function onTerminal(t: TestContext, ...args: readonly string[]): Promise<string> {
  const command = [process.execPath, threatbusCommand, ...args].map(word => `'${word}'`).join(' ')
  // util-linux's: it runs the command on a pseudo-terminal, and copies what that shows.
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const closed = once(child, 'close')
  let text = ''
  for await (const part of child.stdout.setEncoding('utf8')) text += part
  await closed
  // The terminal's own line ends, and how a progress bar moves.
  const [first = '', ...moved] = text.replaceAll('\r', '').split('\x1b')
  return first + moved.map(part => part.replace(/^(?:[78]|\[\??\d*\w)/, '')).join('')
}

test('nothing that strangers wrote acts on a terminal; a pipe gets their bytes', async t => {
  const broker = await startBroker(t)
  const endpoint = `127.0.0.1:${broker.manage}`
  // Not as JSON.stringify writes it, which leaves all of this unescaped but what is below U+0020.
  const published = indicator({ name })
  assert.ok(published.includes(name))
  const input = `${published}\n{"type": "${name}"}\n{"type": "indicator", "${name}": 1}\n`
  const file = temporaryFile(t, 'input.jsonl', input)
  const report = await onTerminal(t, 'publish', '--endpoint', endpoint, file)
  assert.match(report, /published 1 \(indicator 1\)/)
  const path = `${broker.directory}/threatbus-history`
  const subscribed = ['subscribe', 'stix2/indicator', '--endpoint', endpoint, '--snapshot', '1', '--count', '1']
  const [json, frames, lines, bundle, info, piped] = await Promise.all([
    onTerminal(t, ...subscribed),
    onTerminal(t, ...subscribed, '--format', 'frames'),
    onTerminal(t, 'history', 'export', '--path', path),
    onTerminal(t, 'history', 'export', '--path', path, '--format', 'bundle'),
    onTerminal(t, 'history', 'info', '--path', path),
    runCommand(t, ['history', 'export', '--path', path]),
  ])
  for (const shown of [report, json, frames, lines, bundle, info])
    assert.doesNotMatch(shown.replaceAll('\n', ''), acting)
  const original = JSON.parse(published)
  assert.deepEqual(JSON.parse(json), original)
  assert.deepEqual(JSON.parse(frames.slice('indicator '.length)), original)
  assert.deepEqual(JSON.parse(lines), original)
  assert.deepEqual(JSON.parse(bundle).objects, [original])
  assert.deepEqual(piped.lines, [published])
})
