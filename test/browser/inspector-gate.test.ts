import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { closeBrowser, openPage, rowSays } from './browser.ts'
import { startInspectedBroker } from './inspected-broker.ts'

after(closeBrowser)

/** The status that a request is answered by. */
async function statusOf(address: string, headers: IncomingHttpHeaders): Promise<number | undefined> {
  const asked = httpRequest(address, { headers, agent: false }).end()
  const [response] = await once(asked, 'response')
  response.destroy()
  return response.statusCode
}

// page of a stranger ── fetch, EventSource ──> inspector
test('a page of another site reads nothing', async t => {
  const broker = await startInspectedBroker(t)
  const strangers = createServer((_, response) =>
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>hello'),
  )
  strangers.listen(0, '127.0.0.1')
  await once(strangers, 'listening')
  t.after(() => strangers.close())
  const { port } = strangers.address() as AddressInfo
  const { page } = await openPage(t, `http://127.0.0.1:${port}/`)
  // As text: the tests know no browser's names.
  const read = await page.evaluate(`(async () => {
    const live = new EventSource('${broker.address}inspector/live')
    const heard = await new Promise(resolve => {
      live.onmessage = () => resolve('heard')
      live.onerror = () => resolve('refused')
    })
    live.close()
    const fetched = await fetch('${broker.address}inspector/live').then(() => 'read', () => 'refused')
    return { heard, fetched }
  })()`)
  assert.deepEqual(read, { heard: 'refused', fetched: 'refused' })
})

test('requests under another name or from another site are refused, whatever they ask for', async t => {
  const { address } = await startInspectedBroker(t)
  for (const path of ['', 'inspector/live', 'inspector/page.js', 'inspector/source']) {
    assert.equal(await statusOf(address + path, {}), 200)
    assert.equal(await statusOf(address + path, { host: 'rebound.example' }), 403)
    assert.equal(await statusOf(address + path, { origin: 'https://evil.example' }), 403)
    assert.equal(await statusOf(address + path, { 'sec-fetch-site': 'cross-site' }), 403)
  }
})

test('with a token, a browser opens the page by it once, and nobody without it', async t => {
  const token = 'a-secret-of-more-than-16'
  const broker = await startInspectedBroker(t, { inspector: { port: 0, token } })
  assert.equal(await statusOf(broker.address, {}), 401)
  const { page, errors } = await openPage(t, `${broker.address}?token=${token}`)
  await rowSays(page, 'broker', 'running.serving')
  assert.ok(!page.url().includes(token))
  assert.deepEqual(errors, [])
})
