/** A broker whose disk takes its time: what was written is not on disk until the test lets it be. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Dealer, Request } from 'zeromq'
import { linesIn } from '../../src/history/subscriptions/journal-file.ts'
import { readJournal } from '../../src/history/subscriptions/journal-lines.ts'
import { subscriptionsFile } from '../../src/history/subscriptions/subscriptions.ts'
import { holdDisk } from '../history/held-disk.ts'
import { startBrokerHere } from './broker-here.ts'
import { historyOf } from './history-process.ts'
import { indicator, publisher, receive, request, sighting } from './wire.ts'

const mebibyte = 1_048_576

test('who publishes more than the disk takes is held back, others are answered, and no receipt is lost', async t => {
  const disk = await holdDisk(t, 'datasync', 'sync')
  const { manage, history } = await startBrokerHere(t, { settings: { history: { max_unwritten_bytes: mebibyte } } })
  const { topic } = await request(manage, { action: 'subscribe', topic: 'stix2/sighting' })
  const publisher = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 })
  t.after(() => publisher.close())
  publisher.connect(`tcp://127.0.0.1:${manage}`)
  disk.hold()
  const count = 160
  for (let sent = 0; sent < count; sent++) {
    const message = indicator({ description: 'x'.repeat(mebibyte / 4) })
    await publisher.send(['', `{"action":"publish","topic":"stix2/","message":${message}}`])
  }
  // What the systems at both ends hold beside is less than the half of it.
  const held = () => history.store.next - 1 < count / 2 && heldUp > 0
  let heldUp = 0
  for (let beats = 0; beats < 100 || heldUp === 0; beats++) {
    assert.equal((await request(manage, { action: 'heartbeat', topic })).status, 'success')
    heldUp = history.store.unwrittenBytes
    assert.ok(heldUp < 2 * mebibyte, `${heldUp} bytes wait to be written`)
  }
  assert.ok(held(), `${history.store.next - 1} messages were taken`)
  disk.release()
  const sequences: unknown[] = []
  while (sequences.length < count) {
    const [, reply] = await publisher.receive()
    const { status, sequence } = JSON.parse(String(reply))
    assert.equal(status, 'success')
    sequences.push(sequence)
  }
  assert.deepEqual(
    sequences,
    Array.from({ length: count }, (_, index) => index + 1),
  )
})

test('what is large, or published with receipts, does not hold back what is small and without', async t => {
  const disk = await holdDisk(t, 'writev')
  const { manage, pub, sub, history } = await startBrokerHere(t, {
    settings: { history: { max_unwritten_bytes: mebibyte } },
  })
  const { topic } = await request(manage, { action: 'subscribe', topic: 'stix2/sighting' })
  const heard = receive(t, pub, topic)
  const { send } = await publisher(t, sub)
  const flood = new Dealer({ linger: 0, sendHighWaterMark: 0 })
  t.after(() => flood.close())
  flood.connect(`tcp://127.0.0.1:${manage}`)
  disk.hold()
  const message = indicator({ description: 'x'.repeat(0.2 * mebibyte) })
  const others = await publisher(t, sub)
  for (let sent = 0; sent < 10; sent++) {
    await flood.send(['', `{"action":"publish","topic":"stix2/","message":${message}}`])
    await others.send(`stix2/indicator ${message}`)
  }
  for (let before = -1; before < history.store.unwrittenBytes || before === 0; ) {
    before = history.store.unwrittenBytes
    for (let beats = 0; beats < 10; beats++) await request(manage, { action: 'heartbeat', topic })
  }
  for (let sent = 1; sent <= 20; sent++) {
    await send(`stix2/sighting ${sighting()}`)
    await heard.received(sent)
  }
})

const subscribe = { action: 'subscribe', topic: 'stix2/indicator' }

test('subscribing does not wait until the disk has what was written before', async t => {
  const disk = await holdDisk(t, 'datasync', 'sync')
  const { manage, history } = await startBrokerHere(t)
  await history.subscriptions.written()
  disk.hold()
  assert.equal((await request(manage, subscribe)).status, 'success')
  const synced = history.subscriptions.synced()
  const { status, topic } = await request(manage, { ...subscribe, received: 0 })
  assert.equal(status, 'success')
  assert.equal((await request(manage, { action: 'heartbeat', topic, received: 0 })).status, 'success')
  disk.release()
  await synced
})

test('a subscription that cannot be written down in time is refused, and nothing is left of it', async t => {
  const disk = await holdDisk(t, 'appendFile')
  const { manage, history, directory, lines } = await startBrokerHere(t, { settings: { max_subscribers: 3 } })
  const first = await request(manage, subscribe)
  const next = history.store.next
  disk.hold()
  // The second one is there already when the first is given up; the third finds that it has no sense to wait.
  const refused = await Promise.all([request(manage, { ...subscribe, snapshot: 1 }), request(manage, subscribe)])
  refused.push(await request(manage, subscribe))
  for (const { status, reason } of refused) {
    assert.equal(status, 'error')
    assert.match(String(reason), /the disk does not keep up .* try again/)
  }
  assert.match(lines.join(), /a subscription was refused: it could not be written down in time/)
  assert.equal(history.store.next, next, 'nobody was asked for a snapshot')
  assert.equal((await request(manage, { action: 'heartbeat', topic: first.topic })).status, 'success')
  disk.release()
  await history.subscriptions.synced()
  const second = await request(manage, subscribe)
  assert.equal(second.status, 'success')
  await history.subscriptions.synced()
  const left = await leftIn(directory)
  assert.deepEqual(left, [first.topic, second.topic])
})

test('a subscription of who has gone meanwhile is undone', async t => {
  const disk = await holdDisk(t, 'appendFile')
  const { manage, history, directory } = await startBrokerHere(t)
  const { topic } = await request(manage, subscribe)
  const gone = new Request({ linger: 0 })
  gone.connect(`tcp://127.0.0.1:${manage}`)
  disk.hold()
  await gone.send(JSON.stringify(subscribe))
  while (history.subscriptions.size < 2) await nextTurn()
  gone.close()
  // Whoever comes later is heard later.
  for (let beats = 0; beats < 10; beats++) await request(manage, { action: 'heartbeat', topic })
  disk.release()
  const other = await request(manage, subscribe)
  await history.subscriptions.synced()
  assert.deepEqual(await leftIn(directory), [topic, other.topic])
})

/** The p2p topics of the subscriptions that a broker which starts now would find. */
async function leftIn(directory: string): Promise<readonly string[]> {
  const path = join(historyOf({ directory }), subscriptionsFile)
  const { records } = await readJournal(linesIn(path), path)
  return [...records.keys()]
}
