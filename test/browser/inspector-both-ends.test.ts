import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startBroker } from '../system/broker-process.ts'
import { runCommand, startNode, temporaryFile } from '../system/command-process.ts'
import { indicator, request } from '../system/wire.ts'
import { closeBrowser, openPage, rowSays, screenshot } from './browser.ts'
import { inspect, startInspectedApplication } from './inspected-application.ts'
import { startInspectedBroker } from './inspected-broker.ts'

after(closeBrowser)

//  watcher ── subscribe, heartbeats ──> broker
//     └───────────── inspect ──────────────┴──> one page
test('both ends of a conversation show in one page: the session and its subscriber, in order of time', async t => {
  const token = 'a-token-of-many-characters'
  const broker = await startInspectedBroker(t, { inspector: { port: 0, token } })
  const watcher = await startInspectedApplication(t, broker.manage)
  const address = await inspect(t, `${broker.address}?token=${token}`, watcher.address)
  assert.ok(!address.includes(token))
  // What only those see who know a token is not shown to those who don't.
  assert.equal((await fetch(new URL('/', address))).status, 401)
  const { page, errors } = await openPage(t, address)
  await rowSays(page, 'broker', 'threatbus')
  await rowSays(page, 'client', 'watcher')
  const session = page.locator('[data-actor^="session."]')
  await session.filter({ hasText: 'subscribed' }).first().waitFor()
  const subscriber = page.locator('[data-actor^="subscriber."]')
  await subscriber.filter({ hasText: 'joined' }).first().waitFor()

  await page.getByLabel('Order').selectOption('in the tree')
  // Each program is a tree of its own: what belongs to the broker stands before what belongs to the client. A subscription that
  // was given up, because its answer came too late, has ended.
  await page.getByLabel('ended').uncheck()
  const rows = await page
    .locator('.actors [data-actor]')
    .evaluateAll(all => all.map(row => row.getAttribute('data-actor')))
  assert.deepEqual(
    rows.map(row => row?.replace(/\..*/, '')),
    ['broker', 'manage', 'pub', 'sub', 'subscriber', 'connection', 'client', 'session'],
  )

  const message = JSON.parse(indicator())
  assert.equal(
    (await request(broker.manage, { action: 'publish', topic: 'stix2/indicator', message })).status,
    'success',
  )
  await watcher.printed(2)
  await session.first().click()
  await page.getByLabel('all actors').check()
  await page.getByLabel('what changed nothing').check()
  await page.getByRole('tab', { name: 'Sequence' }).click()
  // The session's heartbeat, and how the subscriber heard it.
  await page.locator('.sequence .message', { hasText: 'requestHeartbeat done' }).first().waitFor()
  await page.locator('.sequence .message', { hasText: 'heartbeat.received' }).first().waitFor()
  const lines = await page.locator('.lifelines span').allInnerTexts()
  const names = lines.map(line => line.replace(/\s+/, ': '))
  assert.ok(
    names.some(name => name.startsWith('watcher: session.')) &&
      names.some(name => name.startsWith('threatbus: subscriber.')),
    names.join(),
  )
  const shown = await page.locator('.sequence .message title').allInnerTexts()
  const at = await page.locator('.event time').allInnerTexts()
  assert.ok(shown.length > 5 && at.length > 5)
  assert.deepEqual(at, at.toSorted(), 'they are in order of time')
  await screenshot(page, 'both-ends')

  // What one program sent the other is an arrow between them, there and back, without all that changed nothing as well.
  await page.getByLabel('what changed nothing').uncheck()
  const places = new Map(
    await Promise.all(
      (await page.locator('.lifelines span').all()).map(
        async (line, place) => [(await line.innerText()).split(/[\s.]/)[1] ?? '', place] as const,
      ),
    ),
  )
  for (const [words, from, to] of [
    ['management.heartbeat', 'session', 'broker'],
    ['requestHeartbeat done', 'broker', 'session'],
  ] as const) {
    const arrow = page.locator('.message.crossing', { hasText: words }).last().locator('line.arrow')
    const ends = await Promise.all(['x1', 'x2'].map(async end => Number(await arrow.getAttribute(end))))
    const isForth = (places.get(from) ?? 0) < (places.get(to) ?? 0)
    assert.equal((ends[0] ?? 0) < (ends[1] ?? 0), isForth, `${words} goes from ${from} to ${to}`)
  }
  // Of the request is told what it asks for, and nothing of the way back that its reply takes.
  await page.locator('.message.crossing', { hasText: 'management.heartbeat' }).last().click()
  const detail = page.locator('.detail', { hasText: 'management.heartbeat' })
  await detail.waitFor()
  assert.match(await detail.innerText(), /session\.\d+ → threatbus: broker.*action\s+heartbeat\s+topic/s)
  assert.doesNotMatch(await detail.innerText(), /route|bytes|actorId/)
  await page.keyboard.press('End')

  // The broker goes: the page says so at both ends, and goes on when it is back.
  await broker.stop('SIGKILL')
  await rowSays(page, 'broker', 'program is away')
  await session.filter({ hasText: 'bus is away' }).first().waitFor()
  await screenshot(page, 'both-ends-broker-away')
  await startBroker(t, { inspector: { port: Number(new URL(broker.address).port), token } }, broker)
  await session.filter({ hasText: 'subscribed' }).first().waitFor({ timeout: 120_000 })
  await page.locator('[data-actor="broker"]', { hasText: 'running.serving' }).first().waitFor({ timeout: 120_000 })
  assert.doesNotMatch(await page.content(), new RegExp(token))
  assert.deepEqual(errors, [])
})

test('a client without a bus says what is wrong, by itself', async t => {
  const broker = await startBroker(t)
  await broker.stop()
  const index = new URL('../../src/index.js', import.meta.url).href
  const script = `
    const { connect } = await import(${JSON.stringify(index)})
    const bus = connect({ endpoint: '127.0.0.1:${broker.manage}', inspect: true, requestTimeoutMs: 100, connectTimeoutMs: 60000 })
    console.log(await bus.inspector)
    await bus.subscribe('stix2/indicator')
  `
  const [address = ''] = await startNode(t, '--input-type=module', '-e', script).printed(1)
  const { page, errors } = await openPage(t, address)
  await page.locator('.troubles', { hasText: 'no bus there' }).waitFor({ timeout: 120_000 })
  assert.match(await page.locator('.troubles').innerText(), /no bus answers at its manage endpoint/)
  assert.deepEqual(errors, [])
})

test('a trace beside a program that runs, and what can not be meant', async t => {
  const file = temporaryFile(t, 'old.jsonl', '{"type":"trace","version":1,"program":"old 1.0","pid":1,"at":1}\n')
  const broker = await startInspectedBroker(t)
  const { page, errors } = await openPage(t, await inspect(t, file, broker.address))
  await rowSays(page, 'broker', 'threatbus')
  assert.deepEqual(errors, [])
  const { code, stderr } = await runCommand(t, ['inspect', 'http://u:secret@h/', file])
  assert.deepEqual([code, /source 1 is no address/.test(stderr), stderr.includes('secret')], [64, true, false])
})
