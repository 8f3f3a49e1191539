import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { shortened } from '../../src/protocol/topics.ts'
import { receive, request } from '../system/wire.ts'
import { closeBrowser, openPage, rowSays, screenshot } from './browser.ts'
import { startInspectedBroker } from './inspected-broker.ts'

after(closeBrowser)

// application ── subscribe ──> broker ── page
//             ── SUB joins, heartbeats stop, come back, SUB leaves, is evicted ──>
test('a subscriber goes through its whole life, and the page shows each state', async t => {
  const broker = await startInspectedBroker(t, { heartbeat: { timeout: 2 }, evict_after: 4 })
  const { page, errors } = await openPage(t, broker.address)
  await rowSays(page, 'broker', 'running.serving')

  const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 0 })
  const actor = `subscriber.${shortened(topic)}`
  await rowSays(page, actor, 'subscribing')
  await page.locator(`[data-actor="${actor}"]`).click()

  const socket = receive(t, broker.pub, topic)
  await rowSays(page, actor, 'joined (live, unmonitored)')
  for (const state of ['joined.phase.live', 'joined.heartbeat.unmonitored']) {
    await page.locator(`.state.active[data-state="subscriber.${state}"]`).waitFor()
  }
  // What its library has received is known, and its connection is an actor of its own.
  await rowSays(page, `connection.${shortened(topic)}`, 'open (flowing, acknowledging)')

  await request(broker.manage, { action: 'heartbeat', topic })
  await rowSays(page, actor, 'joined (live, monitored)')
  await rowSays(page, actor, 'heartbeats stopped')
  await page.locator('.transition.last[data-transition*="heartbeatTimeout"]').waitFor()
  await page.locator('.state.active[data-state="subscriber.stale.heartbeat_stopped"]').waitFor()

  await request(broker.manage, { action: 'heartbeat', topic })
  await rowSays(page, actor, 'monitored')
  socket.close()
  await rowSays(page, actor, 'stale.disconnected')
  await rowSays(page, actor, 'unsubscribed')
  await page.getByText('It was stale for too long and was unsubscribed').waitFor()
  await screenshot(page, 'whole-life')

  // All of it can be walked through again, from the end to the beginning.
  const events = await page.locator('.event .led').allInnerTexts()
  for (const state of ['subscribing', 'stale.heartbeat_stopped', 'stale.disconnected', 'unsubscribed']) {
    assert.ok(
      events.some(text => text.includes(state)),
      `${state} is not among ${events.join(' | ')}`,
    )
  }
  await page.locator('.event', { hasText: '→ stale.heartbeat_stopped' }).first().click()
  await page.locator('.state.active[data-state="subscriber.stale.heartbeat_stopped"]').waitFor()
  await page.keyboard.press('Shift+ArrowLeft')
  await page.locator('.state.active[data-state="subscriber.joined.heartbeat.monitored"]').waitFor()
  await page.keyboard.press('End')
  await page.locator('.state.active[data-state="subscriber.unsubscribed"]').waitFor()

  assert.ok(!(await page.content()).includes(topic), 'the p2p topic is on the page')
  assert.deepEqual(errors, [])
})
