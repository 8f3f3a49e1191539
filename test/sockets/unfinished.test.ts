// Messages that have not come whole: what they may hold, and for how long.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ManageSocket } from '../../src/sockets/manage.ts'
import { SubSocket } from '../../src/sockets/sub.ts'
import { encodeFrames, writeHeader } from '../../src/sockets/zmtp/frame-reader.ts'
import { PeerBudget } from '../../src/sockets/zmtp/peer-budget.ts'
import { commandOf, greetingOf, listening, openPub, readyOf, Told } from './broker-endpoint.ts'

/** As `node --expose-gc` gives it, here without the option. */
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const maxMessageBytes = 200_000

/** An endpoint where what is published is counted, with a budget of its own. */
async function openSub(
  t: TestContext,
  { maxBytes = 1_000_000, messageTimeoutMs = 60_000, flush = async () => {} } = {},
) {
  const told = new Told()
  const budget = new PeerBudget({ maxBytes, messageTimeoutMs, exceeded: told.note('exceeded') })
  const note = told.note('taken')
  const sub = new SubSocket(
    { ...listening, budget, maxMessageBytes, prefixes: ['stix2/'] },
    { take: () => note(), flush },
    { broken: told.note('broken'), dropped: told.note('dropped') },
  )
  t.after(() => sub.close())
  return { port: await sub.bind(), told, budget }
}

/** A publisher without a library, which has said so much. */
function publisher(t: TestContext, port: number, bytes: Buffer, localAddress = '127.0.0.1'): Socket {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.resume()
  socket.write(Buffer.concat([greetingOf(), readyOf('PUB'), bytes]))
  return socket
}

/** A message that announces so much, as far as it has come. */
function beginning(length: number, came: number): Buffer {
  const bytes = Buffer.alloc(9 + length, 'x')
  writeHeader(bytes, 0, length, 'last')
  bytes.write('stix2/', 9)
  return bytes.subarray(0, 9 + came)
}

const whole = beginning(maxMessageBytes, maxMessageBytes)

describe('messages that have not come whole', { concurrency: true }, () => {
  test('hold no more than may be: who stalls is closed, and who sends gets all of it through', async t => {
    const { port, told, budget } = await openSub(t)
    for (let count = 0; count < 20; count++) publisher(t, port, beginning(maxMessageBytes, 150_000))
    const honest = publisher(t, port, Buffer.alloc(0))
    let most = 0
    for (let count = 0; count < 15; count++) {
      // In pieces, so that most of the time it has not come whole.
      for (let at = 0; at < whole.length; at += 50_000) {
        await new Promise(resolve => honest.write(whole.subarray(at, at + 50_000), resolve))
        most = Math.max(most, budget.held.unfinished)
      }
    }
    await told.of('taken', 15)
    assert.ok(told.all.filter(each => each === 'broken crowded_out').length >= 14)
    assert.ok(told.all.includes('exceeded'))
    assert.equal(honest.destroyed, false)
    assert.ok(most <= 1_000_000, `${most} bytes`)
  })

  test('of one address take no room from those of another, however fast they are', async t => {
    const { port, told } = await openSub(t)
    // It stalls all the time, and holds less than the others together.
    const slow = publisher(t, port, whole.subarray(0, 150_000), '127.0.0.2')
    for (let round = 1; round <= 5; round++) {
      for (let count = 0; count < 8; count++) publisher(t, port, beginning(maxMessageBytes, 190_000))
      await told.of('broken crowded_out', round * 4)
    }
    slow.write(whole.subarray(150_000))
    await told.of('taken')
  })

  test('are given so much time to come on', async t => {
    const { port, told, budget } = await openSub(t, { messageTimeoutMs: 20 })
    for (const begun of ['\x02\0', '\x02\0\0\0\0\0\0\x10\0x', '\x01\x06stix2/', '\x04\x10\x04PI']) {
      const before = told.all.length
      const socket = publisher(t, port, Buffer.from(begun, 'latin1'))
      await once(socket, 'close')
      assert.deepEqual(told.all.slice(before), ['broken too_slow'])
    }
    assert.deepEqual(budget.held, { unfinished: 0, prefixes: 0 })
  })

  test('wait as long as the broker does not read them', async t => {
    let flushed = () => {}
    const isFlushed = new Promise<void>(resolve => (flushed = resolve))
    const { port, told, budget } = await openSub(t, { messageTimeoutMs: 20, flush: () => isFlushed })
    const message = encodeFrames([Buffer.from('stix2/1')])
    const paused = publisher(t, port, message)
    await told.of('taken')
    // While that is flushed, so much is read of it and no more.
    const much = Array.from({ length: 5 }, () => encodeFrames([Buffer.from(`stix2/${'x'.repeat(60_000)}`)]))
    paused.write(Buffer.concat([...much, beginning(maxMessageBytes, 1000)]))
    while (budget.held.unfinished === 0) await nextTurn()
    for (let count = 0; count < 3; count++) {
      await once(publisher(t, port, beginning(maxMessageBytes, 1000)), 'close')
    }
    assert.equal(paused.destroyed, false)
    assert.equal(told.all.filter(each => each.startsWith('broken')).length, 3)
    flushed()
    paused.write(beginning(maxMessageBytes, maxMessageBytes).subarray(1009))
    await told.of('taken', 7)
  })

  test('hold nothing of what came with them', async t => {
    const { port, told } = await openSub(t)
    const ignored = Buffer.concat(Array.from({ length: 5000 }, () => encodeFrames([Buffer.from('other/xx')])))
    const before = process.memoryUsage().arrayBuffers
    const last = [encodeFrames([Buffer.from('stix2/1')]), Buffer.from('\x01\x07stix2/a', 'latin1')]
    for (let count = 0; count < 50; count++) publisher(t, port, Buffer.concat([ignored, ...last]))
    await told.of('taken', 50)
    for (const end = before + 750_000; process.memoryUsage().arrayBuffers > end; await nextTurn()) collectGarbage()
  })

  test('count on all endpoints together, and until their connections end', async t => {
    const told = new Told()
    const budget = new PeerBudget({ maxBytes: 1_000_000, messageTimeoutMs: 60_000, exceeded: told.note('exceeded') })
    const manage = new ManageSocket({ ...listening, budget, maxMessageBytes }, () => {}, {
      broken: told.note('broken'),
      dropped: told.note('dropped'),
    })
    t.after(() => manage.close())
    const { port: pub } = await openPub(t, { budget, maxMessageBytes })
    const sockets = [await manage.bind(), pub].flatMap(port =>
      ['REQ', 'SUB'].map(type => {
        const socket = connect(port, '127.0.0.1').on('error', () => {})
        t.after(() => socket.destroy())
        socket.write(Buffer.concat([greetingOf(), readyOf(type), Buffer.from('\x01\0\x01\x01x', 'latin1')]))
        socket.write(beginning(maxMessageBytes, 100_000))
        return socket
      }),
    )
    while (budget.held.unfinished < 100_000) await nextTurn()
    for (const socket of sockets) socket.destroy()
    while (budget.held.unfinished > 0) await nextTurn()
    assert.deepEqual(told.all.includes('exceeded'), false)
  })

  test('of a handshake count, too', async t => {
    const { port, budget } = await openSub(t)
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    t.after(() => socket.destroy())
    socket.write(Buffer.concat([greetingOf(), commandOf('READY', 'x').subarray(0, 5)]))
    while (budget.held.unfinished === 0) await nextTurn()
    socket.destroy()
    while (budget.held.unfinished > 0) await nextTurn()
  })
})
