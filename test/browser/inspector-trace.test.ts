import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { shortened } from '../../src/protocol/topics.ts'
import { threatbusCommand } from '../system/broker-process.ts'
import { receive, request } from '../system/wire.ts'
import { closeBrowser, openPage, rowSays, screenshot } from './browser.ts'
import { inspect } from './inspected-application.ts'
import { startInspectedBroker } from './inspected-broker.ts'

after(closeBrowser)

// application ── subscribe, join, leave ──> broker ── trace ──> inspect ── page
test('a trace that a broker recorded is opened without it, and stepped through', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-trace-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const trace = join(directory, 'incident.jsonl')
  const broker = await startInspectedBroker(t, { commandLine: ['--trace', trace] })
  const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 0 })
  const socket = receive(t, broker.pub, topic)
  await broker.logged(({ msg }) => msg.startsWith('joined'))
  socket.close()
  await broker.logged(({ msg }) => msg.startsWith('stale'))
  assert.equal(await broker.stop(), 0)

  const text = readFileSync(trace, 'utf8')
  assert.ok(!text.includes(topic), 'the p2p topic is in the trace')
  assert.equal(statSync(trace).mode & 0o077, 0)
  const { page, errors } = await openPage(t, await inspect(t, trace))
  await page.locator('.connection.trace').waitFor()
  const actor = `subscriber.${shortened(topic)}`
  await rowSays(page, actor, 'suspended')
  await page.locator(`[data-actor="${actor}"]`).click()

  // Step by step back, from how it ended to how it began.
  const seen: string[] = []
  for (const state of ['stale.disconnected', 'joined.phase.live', 'subscribing']) {
    await page.keyboard.press('Shift+ArrowLeft')
    // At the end it was suspended, heard that its connection's actor ended, and was stopped with its supervisor.
    for (let step = 0; step < 3 && state === 'stale.disconnected'; step++) await page.keyboard.press('Shift+ArrowLeft')
    await page.locator(`.state.active[data-state="subscriber.${state}"]`).waitFor()
    seen.push(await page.locator('.detail .flow').innerText())
  }
  assert.match(seen.join('\n'), /socket\.left.*socket\.joined.*started/s)
  await page.keyboard.press('Shift+ArrowRight')
  await page.locator('.state.active[data-state="subscriber.joined.phase.live"]').waitFor()
  await page.keyboard.press('2')
  await page.locator('.sequence .message.chosen', { hasText: 'socket.joined' }).waitFor()
  await screenshot(page, 'trace')
  assert.deepEqual(errors, [])
})

test('what was recorded with the button can be opened the same way', async t => {
  const broker = await startInspectedBroker(t)
  const { page } = await openPage(t, broker.address)
  await rowSays(page, 'broker', 'running.serving')
  await page.keyboard.press('r')
  const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2/sighting', snapshot: 0 })
  await rowSays(page, `subscriber.${shortened(topic)}`, 'subscribing')
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('r')])
  const opened = await openPage(t, await inspect(t, await download.path()), {
    colorScheme: 'dark',
    viewport: { width: 600, height: 900 },
  })
  await rowSays(opened.page, `subscriber.${shortened(topic)}`, 'subscribing')
  await screenshot(opened.page, 'narrow-and-dark')
  assert.deepEqual(opened.errors, [])
})

test('what is no trace is refused in words', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-trace-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  for (const [text, words] of [
    ['hello\n', /this is no trace/],
    ['', /empty/],
    ['{"type":"trace","version":99}\n', /version 99/],
    [undefined, /no such file/],
  ] as const) {
    const file = join(directory, 'trace.jsonl')
    rmSync(file, { force: true })
    if (text !== undefined) writeFileSync(file, text)
    const command = spawn(process.execPath, [threatbusCommand, 'inspect', file], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    command.stderr.on('data', chunk => {
      said += chunk
    })
    const [code] = await once(command, 'close')
    assert.equal(code, 65)
    assert.match(said, words)
  }
})
