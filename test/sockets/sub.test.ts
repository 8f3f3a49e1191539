import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { XPublisher } from 'zeromq'
import { SubSocket } from '../../src/sockets/sub.ts'
import { connected, greetingOf, listening, raw, readyOf, Told } from './broker-endpoint.ts'

/** A socket whose flushes take as long as the test wants. */
async function openSub(t: TestContext, flush: () => Promise<void> = async () => {}, maxMessageBytes = 100_000) {
  const taken: string[] = []
  const told = new Told()
  const note = told.note('taken')
  const sub = new SubSocket(
    { ...listening, maxMessageBytes, prefixes: ['stix2/', 'threatbus/snapshotenvelope'] },
    {
      take: parts => {
        taken.push(parts.map(String).join('|'))
        note()
      },
      flush,
    },
    { broken: told.note('broken'), dropped: told.note('dropped') },
  )
  t.after(() => sub.close())
  const port = await sub.bind()
  const publisher = () => connected(t, new XPublisher({ linger: 0, sendHighWaterMark: 0 }), port)
  return { sub, port, taken, told, publisher }
}

/** A publisher hears what the broker subscribes to when it has connected; then it can publish. */
const subscribed = async (publisher: XPublisher) =>
  [await publisher.receive(), await publisher.receive()].map(([frame]) => String(frame))

describe('sub', { concurrency: true }, () => {
  test('subscribes, and hands over what is published, in order, of any length', async t => {
    const { taken, told, publisher } = await openSub(t)
    const socket = publisher()
    assert.deepEqual(await subscribed(socket), ['\x01stix2/', '\x01threatbus/snapshotenvelope'])
    const sent = Array.from({ length: 3000 }, (_, count) => `stix2/${count} ${'x'.repeat((count * 37) % 5000)}`)
    sent.push(`stix2/long ${'y'.repeat(90_000)}`, 'stix2/', 'threatbus/snapshotenvelope {}')
    for (const message of sent) await socket.send(message)
    await told.of('taken', sent.length)
    assert.deepEqual(taken, sent)
  })

  test('takes no message that it did not subscribe to, and tells messages of several parts', async t => {
    const { port, taken, told } = await openSub(t)
    // A publisher of its own making need not filter.
    const frames =
      '\0\x07other/1\0\x05stix2\x01\x07stix2/a\x01\x01b\0\x01c\0\x07stix2/2\x01\x01x\0\x07stix2/3\0\x07stix2/4'
    raw(t, port, greetingOf(), readyOf('PUB'), Buffer.from(frames, 'latin1'))
    await told.of('taken', 3)
    assert.deepEqual(taken, ['stix2/a|b', 'stix2/2', 'stix2/4'])
  })

  test('flushes what it has taken, and reads only so much while that takes long', async t => {
    let flushes = 0
    let flushed = () => {}
    const { taken, told, publisher } = await openSub(t, () => {
      flushes++
      return new Promise(resolve => {
        flushed = resolve
      })
    })
    const sockets = [publisher(), publisher()]
    for (const socket of sockets) await subscribed(socket)
    const body = 'x'.repeat(1000)
    for (let count = 0; count < 20_000; count++) await sockets[count % 2]?.send(`stix2/${count} ${body}`)
    let most = 0
    while (taken.length < 20_000) {
      const before = taken.length
      flushed()
      // A flush is under way all the time, so nothing tells that no more is read.
      await new Promise(resolve => setTimeout(resolve, 2))
      most = Math.max(most, taken.length - before)
    }
    await told.of('taken', 20_000)
    // A read brings 64 KiB: for two peers and two flushes that is less than 300 messages.
    assert.ok(most < 1000, `${most} at once`)
    assert.ok(flushes > 20, `${flushes} flushes`)
  })

  test('closes the connection of a message that is too long', async t => {
    const { told, publisher } = await openSub(t, undefined, 1000)
    const socket = publisher()
    await subscribed(socket)
    await socket.send(`stix2/${'x'.repeat(994)}`)
    await told.of('taken')
    await socket.send(`stix2/${'x'.repeat(995)}`)
    await told.of('broken frame_too_long')
  })

  test('tells that a flush failed', async t => {
    const { sub, publisher } = await openSub(t, () => Promise.reject(new Error('no')))
    const socket = publisher()
    await subscribed(socket)
    await socket.send('stix2/1')
    await assert.rejects(sub.serve(), /no/)
  })

  test('ends when it is closed', async t => {
    const { sub } = await openSub(t)
    sub.close()
    await sub.serve()
  })
})
