import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { shortened } from '../../src/protocol/topics.ts'
import { indicator, publisher, receive, request } from '../system/wire.ts'
import { closeBrowser, openPage, rowSays, screenshot } from './browser.ts'
import { startInspectedBroker } from './inspected-broker.ts'

after(closeBrowser)

const crowd = 2000

// 2,000 applications ── subscribe ──> broker ── page; one of them reads
test('two thousand subscribers are found, filtered and sorted, and the page stays quick', async t => {
  const broker = await startInspectedBroker(t)
  const topics: string[] = []
  while (topics.length < crowd) {
    const some = Array.from({ length: 50 }, () =>
      request(broker.manage, {
        action: 'subscribe',
        topic: topics.length < crowd / 2 ? 'stix2/indicator' : 'stix2/sighting',
      }),
    )
    topics.push(...(await Promise.all(some)).map(({ topic }) => topic))
  }
  const { page, errors } = await openPage(t, broker.address)
  await page.getByText(`${(crowd + 4).toLocaleString('en-US')} of ${(crowd + 4).toLocaleString('en-US')}`).waitFor()

  const reader = topics[1234] ?? ''
  receive(t, broker.pub, reader)
  await page.locator('#search').fill(shortened(reader))
  await rowSays(page, `subscriber.${shortened(reader)}`, 'joined')
  await page.locator('#search').fill('')

  await page.getByLabel('Topic').selectOption('stix2/sighting')
  // With the connection of the one that reads.
  await page.getByText(`1,001 of ${(crowd + 5).toLocaleString('en-US')}`).waitFor()
  await page.getByLabel('Topic').selectOption('')

  const out = await publisher(t, broker.sub)
  for (let n = 0; n < 100; n++) await out.send(`stix2/indicator ${indicator()}`)
  await page.getByLabel('Order').selectOption('queue depth')
  await page.locator('.actor', { hasText: '100 waiting' }).first().waitFor()
  await screenshot(page, 'two-thousand')

  // Only what is in sight is drawn, and a key is answered at once.
  assert.ok((await page.locator('.actor').count()) < 60)
  await page.locator('.actor').first().click()
  const chosen = await page.locator('.actor.chosen').getAttribute('data-actor')
  const before = performance.now()
  await page.keyboard.press('PageDown')
  await page.locator(`.actor.chosen:not([data-actor="${chosen}"])`).waitFor()
  const answered = performance.now() - before
  t.diagnostic(`a key was answered in ${Math.round(answered)} ms`)
  assert.deepEqual(errors, [])
})
