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
  const acknowledged: string[] = []
  for (;;) {
    const bodies = Array.from({ length: 20 }, large)
    const { status, reason } = await publish(bodies)
    if (status === 'success') acknowledged.push(...bodies)
    else {
      assert.match(String(reason), /cannot be written/)
      break
    }
  }
  assert.ok(acknowledged.length > 0)
  await broker.logged(({ level, msg }) => level === 'ERROR' && msg.startsWith('the log of messages cannot be written'))

  const { send } = await publisher(t, broker.sub)
  const last = indicator()
  await send(`stix2/indicator ${last}`)
  const frames = await receiver.received(acknowledged.length + 1)
  const bodies = frames.map(frame => frame.slice(`${topic}indicator `.length))
  assert.deepEqual(bodies.slice(0, acknowledged.length), acknowledged)
  await receiver.received(bodies.indexOf(last) < 0 ? frames.length + 20 : frames.length)
  assert.ok(receiver.frames.includes(`${topic}indicator ${last}`))
  assert.equal((await publish([indicator()])).status, 'error')
  assert.equal(await broker.stop(), 0)
})
