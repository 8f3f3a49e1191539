/** A broker whose disk takes its time: what was written is not on disk until the test lets it be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dealer } from 'zeromq'
import { holdSyncs } from '../history/held-syncs.ts'
import { startBrokerHere } from './broker-here.ts'
import { indicator, request } from './wire.ts'

const mebibyte = 1_048_576

test('who publishes more than the disk takes is held back, others are answered, and no receipt is lost', async t => {
  const disk = await holdSyncs(t)
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
  for (let beats = 0; beats < 100; beats++) {
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
