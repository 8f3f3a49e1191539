/** A broker whose files can't become large: `ulimit` makes a write fail as a full disk does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from './broker-process.ts'
import { indicator, publisher, receive, request } from './wire.ts'

test('while the disk is full the broker delivers all the same, says so, and acknowledges nothing', async t => {
  const broker = await startBroker(t, { fileSizeLimitKibibytes: 1024 })
  const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
  const receiver = receive(t, broker.pub, topic)
  const publish = (bodies: readonly string[]) =>
    request(broker.manage, `{"action":"publish","topic":"stix2/indicator","message":[${bodies.join()}]}`)
  const large = () => indicator({ description: 'x'.repeat(10_000) })
  const published: string[] = []
  let reply = { status: 'success', reason: '' }
  while (reply.status === 'success') {
    const bodies = Array.from({ length: 20 }, large)
    reply = { reason: '', ...(await publish(bodies)) }
    published.push(...bodies)
  }
  assert.match(reply.reason, /cannot be written/)
  assert.ok(published.length > 20)
  await broker.logged(({ level, msg }) => level === 'ERROR' && msg.startsWith('the log of messages cannot be written'))

  const { send } = await publisher(t, broker.sub)
  const last = indicator()
  await send(`stix2/indicator ${last}`)
  // Also what was not acknowledged any more was delivered: the broker learnt of the disk when it was on its way.
  const frames = await receiver.received(published.length + 1)
  assert.deepEqual(
    frames,
    [...published, last].map(body => `${topic}indicator ${body}`),
  )
  assert.equal((await publish([indicator()])).status, 'error')
  assert.equal(await broker.stop(), 0)
})
