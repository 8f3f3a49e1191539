/**
 * Draws the inspector's pictures in the README: `npm run pictures` after a build. A broker has a bad minute, a browser looks
 * at it. `npm run pictures -- FOLDER` draws all of the page into a folder instead. Written as a test, for what it starts is
 * ended as the tests end it.
 */
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { Subscriber } from 'zeromq'
import { shortened } from '../src/protocol/topics.ts'
import { closeBrowser, openPage, rowSays } from '../test/browser/browser.ts'
import { type InspectedBroker, startInspectedBroker } from '../test/browser/inspected-broker.ts'
import { repository } from '../test/rooms/sources.ts'
import { indicator, publisher, receive, request } from '../test/system/wire.ts'
import { survey } from './inspector-survey.ts'

/** How long messages come in waves, for the flows: in seconds. */
const seconds = 50

const window = { viewport: { width: 1360, height: 850 } }

const folder = process.argv[2]

after(closeBrowser)

test('the whole page, everywhere', { skip: folder === undefined }, t => survey(t, folder ?? ''))

// publisher ── waves, some invalid ──> broker ──> six that read, one that is silent, one that reads nothing; an eavesdropper
test('the pictures of the README', { skip: folder !== undefined }, async t => {
  const zmq = { send_buffer_size: 4096 }
  const broker = await startInspectedBroker(t, { heartbeat: { timeout: 5 }, zmq })
  const { page } = await openPage(t, broker.address, window)
  for (let n = 0; n < 6; n++) receive(t, broker.pub, await subscribe(broker))
  const silent = await subscribe(broker)
  receive(t, broker.pub, silent)
  await rowSays(page, `subscriber.${shortened(silent)}`, 'joined')
  await request(broker.manage, { action: 'heartbeat', topic: silent })
  await choose(page, `subscriber.${shortened(silent)}`, 'heartbeats stopped')
  await page.locator('.chart .state.active').first().waitFor()
  await draw(page, 'chart')
  const idle = await subscribe(broker)
  readNothing(t, broker, idle)
  await rowSays(page, `subscriber.${shortened(idle)}`, 'joined')
  await publishInWaves(t, broker)

  await choose(page, `connection.${shortened(idle)}`, 'reads slowly')
  await page.keyboard.press('3')
  await page.locator('.figure canvas').first().waitFor()
  await draw(page, 'flows')
})

async function subscribe({ manage }: InspectedBroker): Promise<string> {
  return (await request(manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 0 })).topic
}

function readNothing(t: TestContext, { pub }: InspectedBroker, topic: string): void {
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 1, receiveBufferSize: 4096 })
  t.after(() => socket.close())
  socket.connect(`tcp://127.0.0.1:${pub}`)
  socket.subscribe(topic)
}

/** Ten times a second some messages, in waves of ten seconds. */
async function publishInWaves(t: TestContext, broker: InspectedBroker): Promise<void> {
  const out = await publisher(t, broker.sub)
  for (let tick = 0; tick < seconds * 10; tick++) {
    const count = 30 + Math.round(25 * Math.sin((tick / 100) * 2 * Math.PI))
    for (let n = 0; n < count; n++) await out.send(`stix2/indicator ${indicator()}`)
    if (tick % 40 === 0) await out.send(`stix2/indicator ${indicator({ pattern: '[nonsense' })}`)
    if (tick === 200) receive(t, broker.pub, '')
    await pause(100)
  }
}

async function choose(page: Page, actor: string, words: string): Promise<void> {
  await rowSays(page, actor, words)
  await page.locator(`[data-actor="${actor}"]`).click()
  await page.locator('.summary.trouble').waitFor()
}

async function draw(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0)
  // The light that runs along the last arrow, and the charts' first reading, are over by then.
  await pause(2000)
  await page.screenshot({ path: join(repository, `.github/assets/inspector-${name}.png`) })
}
