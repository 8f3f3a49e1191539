import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBrokerHere } from './broker-here.ts'
import { indicator, publisher, receive, request, sighting } from './wire.ts'

test("the last line of a broker's log counts what was accepted, however it came", async t => {
  const broker = await startBrokerHere(t)
  const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
  const receiver = receive(t, broker.pub, topic)
  const { send } = await publisher(t, broker.sub)
  await send(`stix2/sighting ${sighting()}`)
  const message = [JSON.parse(indicator()), JSON.parse(indicator())]
  await request(broker.manage, { action: 'publish', topic: 'stix2/indicator', message })
  await receiver.received(3)
  await broker.stop()
  const { accepted } = await broker.logged(({ msg }) => msg === 'in all')
  assert.deepEqual(accepted, { indicator: 2, sighting: 1 })
})
