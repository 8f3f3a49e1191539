import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { Subscriber } from 'zeromq'
import { shortened } from '../../src/protocol/topics.ts'
import { liveEvents } from '../inspector/live-events.ts'
import { runCommand } from '../system/command-process.ts'
import { indicator, publisher, receive, request } from '../system/wire.ts'
import { closeBrowser, openPage, rowSays, screenshot } from './browser.ts'
import { startInspectedBroker } from './inspected-broker.ts'

after(closeBrowser)

/** What is looked at on a page: the actor, the event, and the state that it led to. */
async function seen(page: Page) {
  await page.locator('.happened .event.chosen').waitFor()
  await page.locator('.chart .state.active').first().waitFor()
  return {
    actor: await page.locator('.summary h2 code').innerText(),
    event: await page.locator('.happened .event.chosen').innerText(),
    state: await page.locator('.summary h2 .state').innerText(),
    active: await page
      .locator('.chart .state.active')
      .evaluateAll(all => all.map(state => state.getAttribute('data-state')).sort()),
  }
}

// application ── subscribe, join, leave ──> broker;  another one reads nothing;  then: page, link, saved page, saved trace
test('a page that is opened afterwards shows what led there; it has a link, and is saved as one file', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-past-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const trace = join(directory, 'incident.jsonl')
  const broker = await startInspectedBroker(t, {
    zmq: { send_buffer_size: 4096 },
    commandLine: ['--trace', trace],
  })
  const subscribe = (): Promise<{ readonly topic: string }> =>
    request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 0 })
  const [left, idle] = [(await subscribe()).topic, (await subscribe()).topic]
  const leaving = receive(t, broker.pub, left)
  await broker.logged(({ msg }) => msg.startsWith('joined'))
  leaving.close()
  await broker.logged(({ msg }) => msg.startsWith('stale'))
  const reader = new Subscriber({ linger: 0, receiveHighWaterMark: 1, receiveBufferSize: 4096 })
  t.after(() => reader.close())
  reader.connect(`tcp://127.0.0.1:${broker.pub}`)
  reader.subscribe(idle)
  await broker.logged(({ msg, subscriber }) => msg.startsWith('joined') && subscriber === shortened(idle))
  const out = await publisher(t, broker.sub)
  for (let n = 0; n < 3000; n++) await out.send(`stix2/indicator ${indicator({ description: 'x'.repeat(1000) })}`)
  // Somebody else sees that it does not read any more; they are gone before the page is opened.
  const ends: (() => void)[] = []
  const live = await liveEvents({ after: end => void ends.push(end as () => void) }, broker.address)
  await live.until(records =>
    records.some(record => 'snapshot' in record && JSON.stringify(record.snapshot?.value).includes('"waiting"')),
  )
  for (const end of ends) end()

  const { page, errors } = await openPage(t, broker.address)
  const trouble = page.locator('.troubles li', { hasText: 'reads slowly' })
  await trouble.first().waitFor()
  assert.doesNotMatch(await page.content(), /being fed/)
  await trouble.first().click()
  await page.locator('.summary .verdict', { hasText: 'taken nothing for' }).waitFor()
  const openedAt = Date.now()

  const actor = `subscriber.${shortened(left)}`
  await page.locator(`[data-actor="${actor}"]`).click()
  await page.locator('.happened .event', { hasText: '→ stale.disconnected' }).first().waitFor()
  const events = await page.locator('.happened .event .led').allInnerTexts()
  for (const state of ['subscribing', 'joined', 'stale.disconnected']) {
    assert.ok(
      events.some(text => text.includes(state)),
      `${state} is not among ${events.join(' | ')}`,
    )
  }
  await page.keyboard.press('3')
  await page.locator('.figure canvas').first().waitFor()
  await screenshot(page, 'what-led-there')
  await page.keyboard.press('1')
  await page.locator('.happened .event', { hasText: 'socket.joined' }).first().click()
  const then = await seen(page)
  assert.match(then.state, /^joined/)

  // The address leads back to it, on another page.
  await page.waitForURL(/#actor=.*&tab=chart&at=.*&step=\d+$/)
  const link = page.url()
  assert.ok(Date.parse(new URLSearchParams(new URL(link).hash.slice(1)).get('at') ?? '') < openedAt)
  const linked = await openPage(t, link)
  assert.deepEqual(await seen(linked.page), then)
  await linked.page.keyboard.press('2')
  await linked.page.waitForURL(/&tab=sequence&/)

  // Saved, it is the same without a broker.
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save page' }).click(),
  ])
  const file = join(directory, 'saved.html')
  await download.saveAs(file)
  assert.deepEqual([...errors, ...linked.errors], [])
  assert.equal(await broker.stop(), 0)
  const saved = await openPage(t, pathToFileURL(file).href)
  assert.deepEqual(await seen(saved.page), then)
  await saved.page.keyboard.press('End')
  await rowSays(saved.page, `connection.${shortened(idle)}`, 'reads slowly')
  await screenshot(saved.page, 'saved')

  // And so is the trace that the broker left, by the command.
  const written = join(directory, 'trace.html')
  assert.equal((await runCommand(t, ['inspect', '--save', written, trace])).code, 0)
  assert.equal(statSync(written).mode & 0o077, 0)
  assert.match((await runCommand(t, ['inspect', '--save', written, trace])).stderr, /is there already/)
  const ofTrace = await openPage(t, pathToFileURL(written).href)
  await rowSays(ofTrace.page, actor, 'suspended')
  for (const path of [file, written]) {
    const text = readFileSync(path, 'utf8')
    assert.ok(!text.includes(left) && !text.includes(idle), 'a p2p topic is in what was saved')
  }
  assert.deepEqual([...saved.errors, ...ofTrace.errors], [])
})
