// The commands on a pseudo-terminal, with what strangers published that would act on it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { startBroker, threatbusCommand } from '../system/broker-process.ts'
import { runCommand, temporaryFile } from '../system/command-process.ts'
import { indicator } from '../system/wire.ts'

/** What would clear the screen by C1, colour it by C0, erase, end a line and reorder it. */
const name = 'a\x9b2Jb\x7fc\u2028d\u202ee'

const acting = /[\p{Cc}\p{Zl}\p{Zp}\u202e]/u

/** What a terminal of 100 columns gets when a command runs on it, output and errors, but for its own line ends. */
async function bytesOnTerminal(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const command = [process.execPath, threatbusCommand, ...args].map(word => `'${word}'`).join(' ')
  // util-linux's: it runs the command on a pseudo-terminal, and copies what that shows.
  const child = spawn('script', ['-qec', `stty cols 100; ${command}`, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Of a machine that builds it is taken that its terminal shows no colours.
    env: { ...process.env, CI: undefined, NO_COLOR: undefined, TERM: 'xterm-256color', ...env },
  })
  t.after(() => child.kill('SIGKILL'))
  const closed = once(child, 'close')
  let text = ''
  for await (const part of child.stdout.setEncoding('utf8')) text += part
  await closed
  return text.replaceAll('\r', '')
}

/** What a command writes to a terminal, without how a progress bar moves. */
async function onTerminal(t: TestContext, ...args: readonly string[]): Promise<string> {
  const [first = '', ...moved] = (await bytesOnTerminal(t, args)).split('\x1b')
  return first + moved.map(part => part.replace(/^(?:[78]|\[\??\d*\w)/, '')).join('')
}

/** What `subscribe` prints behind the line that says that it waits. */
function afterWaiting(shown: string): string {
  const [waiting = '', ...messages] = shown.split('\n')
  assert.equal(waiting, 'threatbus: subscribed to stix2/indicator; waiting for messages, Ctrl-C ends it')
  return messages.join('\n')
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
    onTerminal(t, 'history', 'export', '--no-times', '--path', path),
    onTerminal(t, 'history', 'export', '--path', path, '--format', 'bundle'),
    onTerminal(t, 'history', 'info', '--path', path),
    runCommand(t, ['history', 'export', '--no-times', '--path', path]),
  ])
  for (const shown of [report, json, frames, lines, bundle, info])
    assert.doesNotMatch(shown.replaceAll('\n', ''), acting)
  const original = JSON.parse(published)
  assert.deepEqual(JSON.parse(afterWaiting(json)), original)
  assert.deepEqual(JSON.parse(afterWaiting(frames).slice('indicator '.length)), original)
  assert.deepEqual(JSON.parse(lines), original)
  assert.deepEqual(JSON.parse(bundle).objects, [original])
  assert.deepEqual(piped.lines, [published])
})

test('an object that was laid out for people is one short line on a terminal, and as it came in a pipe', async t => {
  const broker = await startBroker(t)
  const laidOut = JSON.stringify({ ...JSON.parse(indicator()), x_known: ['a  b', 'NUMBER'] }, null, 4)
  const text = laidOut.replace('"NUMBER"', '1.0e3')
  const endpoint = ['--endpoint', `127.0.0.1:${broker.manage}`]
  await runCommand(t, ['publish', ...endpoint, temporaryFile(t, 'indicator.json', text)])
  const subscribed = ['subscribe', 'stix2/indicator', ...endpoint, '--snapshot', '1', '--count', '1']
  const [shown, piped] = await Promise.all([onTerminal(t, ...subscribed), runCommand(t, subscribed)])
  assert.deepEqual([piped.lines, piped.stderr], [[text.replaceAll('\n', ' ')], ''])
  assert.equal(afterWaiting(shown), `${text.replaceAll(/\n *|(?<=:) /g, '')}\n`)
})

test('the demo has a colour for each of its three on a terminal, and no line too long; elsewhere neither', async t => {
  const [coloured, plain, piped] = await Promise.all([
    bytesOnTerminal(t, ['demo']),
    bytesOnTerminal(t, ['demo'], { NO_COLOR: '1' }),
    runCommand(t, ['demo']),
  ])
  const names = /^␛\[(36mbroker {2}|33mplatform|32mtool {4}) ␛\[39m /gm
  const shown = coloured.replaceAll('\x1b', '␛')
  const lines = shown.trimEnd().split('\n')
  assert.equal(shown.match(names)?.length, lines.length)
  const bare = shown.replaceAll(names, '').trimEnd().split('\n')
  assert.ok(bare.every(line => line.length <= 90 && !line.includes('␛')))
  assert.ok(bare.some(line => line.length === 90 && line.endsWith('…')))
  for (const text of [plain, piped.lines.join('\n')]) assert.ok(!text.includes('\x1b'))
  assert.equal(piped.lines.length, lines.length)
  assert.ok(piped.lines.some(line => line.length > 100) && piped.lines.every(line => !line.endsWith('…')))
})
