import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { Subscriber } from 'zeromq'
import { shortened } from '../../src/protocol/topics.ts'
import { indicator, publisher, type Receiver, receive, request } from '../system/wire.ts'
import { closeBrowser, openPage, rowSays, screenshot } from './browser.ts'
import { startInspectedBroker } from './inspected-broker.ts'

/*
 * What somebody who has never seen the code can answer from the page alone. In each a broker has other subscribers that
 * are well, and one thing is wrong.
 */

after(closeBrowser)

/** What the lines on top say is wrong; one line for each actor. */
async function complaints(page: Page): Promise<string[]> {
  return page.locator('.troubles li').allInnerTexts()
}

/** Waits for the line on top with these words, follows it, and reads the whole of what it says. */
async function explanation(page: Page, words: string): Promise<string> {
  await page.locator('.troubles li', { hasText: words }).first().click({ timeout: 120_000 })
  await page.locator('.summary .verdict', { hasText: /./ }).waitFor()
  // The chart is laid out in a worker.
  await page.locator('.chart .state.active').first().waitFor()
  return page.locator('.summary .verdict').innerText()
}

/** The states of the chart that don't fit into the window. */
async function outOfSight(page: Page): Promise<(string | null)[]> {
  const window = await page.locator('.chart .paper').boundingBox()
  assert.ok(window)
  const states = await page.locator('.chart .state').all()
  assert.ok(states.length > 15)
  const seen = await Promise.all(
    states.map(async state => {
      const box = await state.locator('rect').first().boundingBox()
      assert.ok(box)
      const fits =
        box.x >= window.x &&
        box.y >= window.y &&
        box.x + box.width <= window.x + window.width &&
        box.y + box.height <= window.y + window.height
      return fits ? [] : [await state.getAttribute('data-state')]
    }),
  )
  return seen.flat()
}

describe('the page says in words what is wrong:', () => {
  test('a subscriber that never joined', async t => {
    const broker = await startInspectedBroker(t, { join_timeout: 1 })
    const { page, errors } = await openPage(t, broker.address)
    for (let n = 0; n < 5; n++) receive(t, broker.pub, (await subscribe(broker.manage)).topic)
    const { topic } = await subscribe(broker.manage)
    const out = await publisher(t, broker.sub)
    for (let n = 0; n < 42; n++) await out.send(`stix2/indicator ${indicator()}`)
    await rowSays(page, `subscriber.${shortened(topic)}`, '42 waiting')
    const said = await explanation(page, 'never joined')
    assert.match(said, /no SUB socket ever subscribed to its p2p topic on pub.*42 messages wait for it/)
    assert.equal((await complaints(page)).length, 1)
    await screenshot(page, 'never-joined')
    assert.deepEqual(errors, [])
  })

  test('a subscriber that stopped its heartbeats', async t => {
    const broker = await startInspectedBroker(t, { heartbeat: { timeout: 1 } })
    const { page, errors } = await openPage(t, broker.address)
    for (let n = 0; n < 5; n++) receive(t, broker.pub, (await subscribe(broker.manage)).topic)
    const { topic } = await subscribe(broker.manage)
    receive(t, broker.pub, topic)
    await rowSays(page, `subscriber.${shortened(topic)}`, 'joined')
    await request(broker.manage, { action: 'heartbeat', topic })
    const said = await explanation(page, 'heartbeats stopped')
    assert.match(said, /stopped its heartbeats: its socket is still connected/)
    assert.equal((await complaints(page)).length, 1)
    assert.deepEqual(await outOfSight(page), [])
    await screenshot(page, 'heartbeats-stopped')
    assert.deepEqual(errors, [])
  })

  test('a subscriber that reads slowly', async t => {
    const broker = await startInspectedBroker(t, { zmq: { send_buffer_size: 4096 } })
    const { page, errors } = await openPage(t, broker.address)
    const others: Receiver[] = []
    for (let n = 0; n < 5; n++) others.push(receive(t, broker.pub, (await subscribe(broker.manage)).topic))
    const { topic } = await subscribe(broker.manage)
    // Connected and subscribed, but it takes nothing.
    const idle = new Subscriber({ linger: 0, receiveHighWaterMark: 1, receiveBufferSize: 4096 })
    t.after(() => idle.close())
    idle.connect(`tcp://127.0.0.1:${broker.pub}`)
    idle.subscribe(topic)
    await rowSays(page, `subscriber.${shortened(topic)}`, 'joined')
    const out = await publisher(t, broker.sub)
    for (let n = 0; n < 3000; n++) await out.send(`stix2/indicator ${indicator({ description: 'x'.repeat(1000) })}`)
    // The others may be behind for a moment, too, until the burst is over.
    await Promise.all(others.map(other => other.received(3000)))
    await rowSays(page, `connection.${shortened(topic)}`, 'reads slowly')
    await page.locator('.troubles li:only-child').waitFor()
    const said = await explanation(page, 'reads slowly')
    assert.match(said, /as much is on its way to it as may be.*messages wait in its queue/)
    assert.equal((await complaints(page)).length, 1)
    await screenshot(page, 'reads-slowly')
    assert.deepEqual(errors, [])
  })

  test('a snapshot that nobody answers', async t => {
    const broker = await startInspectedBroker(t)
    const { page, errors } = await openPage(t, broker.address)
    for (let n = 0; n < 5; n++) receive(t, broker.pub, (await subscribe(broker.manage)).topic)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 30 })
    receive(t, broker.pub, topic)
    const said = await explanation(page, 'nobody answers')
    assert.match(said, /every other application has been asked for its part, and no envelope came/)
    await screenshot(page, 'nobody-answers')
    assert.deepEqual(errors, [])
  })

  test('an eavesdropper that was refused', async t => {
    const broker = await startInspectedBroker(t)
    const { page, errors } = await openPage(t, broker.address)
    for (let n = 0; n < 5; n++) receive(t, broker.pub, (await subscribe(broker.manage)).topic)
    await rowSays(page, 'pub', 'listening')
    receive(t, broker.pub, '')
    const said = await explanation(page, 'eavesdropper refused')
    assert.match(said, /refused once.*such as the empty prefix.*sent nothing/)
    assert.equal((await complaints(page)).length, 1)
    await screenshot(page, 'eavesdropper-refused')
    // It is read and put aside, until somebody tries again.
    await page.keyboard.press('x')
    await page.getByText('Nothing else is wrong').waitFor()
    receive(t, broker.pub, '')
    assert.match(await explanation(page, 'eavesdropper refused'), /refused 2 times/)
    await page.getByRole('button', { name: 'Dismiss: pub' }).click()
    await page.getByRole('button', { name: '1 dismissed' }).click()
    await page.locator('.troubles li').waitFor()
    assert.deepEqual(errors, [])
  })

  test('a publisher of invalid messages', async t => {
    const broker = await startInspectedBroker(t)
    const { page, errors } = await openPage(t, broker.address)
    for (let n = 0; n < 5; n++) receive(t, broker.pub, (await subscribe(broker.manage)).topic)
    const out = await publisher(t, broker.sub)
    for (let n = 0; n < 7; n++) {
      await out.send(`stix2/indicator ${indicator()}`)
      await out.send(`stix2/indicator ${indicator({ pattern: '[nonsense' })}`)
    }
    const said = await explanation(page, 'invalid messages')
    assert.match(said, /7 × invalid_pattern \(the pattern is not a STIX pattern\)/)
    assert.equal((await complaints(page)).length, 1)
    await screenshot(page, 'invalid-messages')
    await page.keyboard.press('3')
    await page.getByText('Refused messages, by reason').waitFor()
    assert.deepEqual(errors, [])
  })
})

function subscribe(manage: number): Promise<{ readonly topic: string }> {
  return request(manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 0 })
}
