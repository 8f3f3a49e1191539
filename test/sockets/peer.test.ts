import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Dealer } from 'zeromq'
import { messageOf } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { ManageSocket } from '../../src/sockets/manage.ts'
import { type Frame, FrameReader } from '../../src/sockets/zmtp/frame-reader.ts'
import { commandOf, connected, greetingOf, listening, openPub, raw, readyOf, Told } from './broker-endpoint.ts'

/** As `node --expose-gc` gives it, here without the option. */
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const hello = Buffer.concat([greetingOf(), readyOf('SUB')])

/** A subscriber without a library that reads nothing, and is sent as much as its connection may hold. */
async function fullSubscriber(t: TestContext, { pub, port, told }: Awaited<ReturnType<typeof openPub>>) {
  const topic = drawP2pTopic()
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.pause()
  socket.write(Buffer.concat([hello, commandOf('SUBSCRIBE', topic)]))
  await told.of(`joined ${topic}`)
  let sent = 0
  for (; pub.hasRoom(topic); sent++) pub.send(topic, [messageOf('indicator', 'x'.repeat(50_000))])
  return { topic, socket, sent }
}

describe('a connection', { concurrency: true }, () => {
  test('that its peer ends is over, although the peer has not read what was sent', async t => {
    const opened = await openPub(t)
    const { topic, socket } = await fullSubscriber(t, opened)
    socket.end()
    await opened.told.of(`left ${topic}`)
  })

  test('that is being closed has no room, and still brings what was written, whatever comes from its peer', async t => {
    const opened = await openPub(t, { lingerMs: () => 60_000 })
    const { topic, socket, sent } = await fullSubscriber(t, opened)
    opened.pub.close()
    assert.equal(opened.pub.hasRoom(topic), false)
    socket.write(commandOf('PING', '\0\0'))
    // The ping is read before the peer reads anything.
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    const received: Buffer[] = []
    socket.on('data', chunk => received.push(chunk))
    socket.resume()
    await once(socket, 'close')
    const frames: Frame[] = []
    const reader = new FrameReader(1_000_000, frame => frames.push(frame))
    reader.read(Buffer.concat(received).subarray(greetingOf().length))
    assert.equal(frames.filter(({ isCommand }) => !isCommand).length, sent)
  })

  test('whose peer never reads is over when the time to linger is', async t => {
    const opened = await openPub(t, { lingerMs: () => 20 })
    const { topic } = await fullSubscriber(t, opened)
    opened.pub.close()
    await opened.told.of(`left ${topic}`)
  })

  test('that was refused has nothing more handled of what came with the reason', async t => {
    const { port, told } = await openPub(t)
    const [before, after] = [drawP2pTopic(), drawP2pTopic()]
    // 16 MiB and a byte would follow.
    const tooLong = Buffer.from('\x02\0\0\0\0\x01\0\0\x01', 'latin1')
    await raw(
      t,
      port,
      Buffer.concat([hello, commandOf('SUBSCRIBE', before), tooLong, commandOf('SUBSCRIBE', after), tooLong]),
    )
    assert.deepEqual(told.all, [`joined ${before}`, 'broken frame_too_long', `left ${before}`])
  })

  test('has room again as soon as the system took what was too much: replies to one peer follow each other', async t => {
    const told = new Told()
    const manage: ManageSocket = new ManageSocket(
      { ...listening, sendBufferBytes: 4096, maxMessageBytes: 1000 },
      ({ route, parts }) => manage.reply(route, `${parts} ${'x'.repeat(5000)}`),
      { broken: told.note('broken'), dropped: told.note('dropped') },
    )
    t.after(() => manage.close())
    const dealer = connected(t, new Dealer({ linger: 0, receiveTimeout: 60_000 }), await manage.bind())
    for (let count = 0; count < 20; count++) await dealer.send(['', String(count)])
    for (let count = 0; count < 20; count++)
      assert.equal(String((await dealer.receive())[1]).split(' ')[0], String(count))
  })
})

test('a connection keeps nothing of what came with its greeting', async t => {
  const { port, told } = await openPub(t)
  const topic = drawP2pTopic()
  const ignored = Buffer.from('\0\x01x'.repeat(20_000), 'latin1')
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 50; count++) {
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write(Buffer.concat([hello, commandOf('SUBSCRIBE', topic), ignored]))
  }
  await told.of(`joined ${topic}`, 50)
  // What came is given back when it is collected, which is some time after nobody holds it.
  for (const end = before + 1_000_000; process.memoryUsage().arrayBuffers > end; await nextTurn()) collectGarbage()
})
