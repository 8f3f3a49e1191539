import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startBroker } from '../system/broker-process.ts'
import { indicator, publisher, receive, request } from '../system/wire.ts'
import { closeBrowser, openPage, screenshot } from './browser.ts'

after(closeBrowser)

test('scratch', async t => {
  const broker = await startBroker(t, { inspector: { port: 0 }, join_timeout: 1, heartbeat: { timeout: 2 } })
  const { port } = await broker.logged(({ msg }) => msg.startsWith('the inspector listens'))
  const { page, errors } = await openPage(t, `http://127.0.0.1:${port}/`)
  for (let n = 0; n < 12; n++) {
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: n % 3 ? 'stix2/indicator' : 'stix2', snapshot: n === 5 ? 5 : 0 })
    if (n !== 3) receive(t, broker.pub, topic)
    if (n === 4) await request(broker.manage, { action: 'heartbeat', topic })
  }
  receive(t, broker.pub, '')
  const out = await publisher(t, broker.sub)
  for (let n = 0; n < 3000; n++) { await out.send(`stix2/indicator ${indicator()}`); if (n % 100 === 0) await sleep(30) }
  await out.send('stix2/indicator {"type":"bundle"}')
  await sleep(4500)
  await screenshot(page, 'scratch1')
  await page.locator('.actor', { hasText: 'heartbeats stopped' }).first().click()
  await sleep(1500)
  await screenshot(page, 'scratch2')
  await page.keyboard.press('2')
  await sleep(500)
  await page.getByLabel('all actors').check()
  await sleep(500)
  await screenshot(page, 'scratch3')
  await page.keyboard.press('3')
  await sleep(1000)
  await screenshot(page, 'scratch4')
  console.log(errors)
})
