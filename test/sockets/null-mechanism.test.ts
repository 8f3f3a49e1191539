import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { ZmtpError } from '../../src/sockets/zmtp/break-reason.ts'
import { commandFrame } from '../../src/sockets/zmtp/command.ts'
import { FrameReader } from '../../src/sockets/zmtp/frame-reader.ts'
import { nullMechanism } from '../../src/sockets/zmtp/null-mechanism.ts'
import { commandOf, greetingOf, openPub, raw } from './broker-endpoint.ts'

/** A property of a READY (RFC 23 "The NULL Security Mechanism"). */
type Property = readonly [name: string, value: string]

function bytesOf([name, value]: Property): Buffer {
  const bytes = Buffer.alloc(5 + name.length + value.length)
  bytes[0] = name.length
  bytes.write(name, 1, 'latin1')
  bytes.writeUInt32BE(value.length, 1 + name.length)
  bytes.write(value, 5 + name.length, 'latin1')
  return bytes
}

const readyWith = (...properties: Property[]) => commandFrame('READY', Buffer.concat(properties.map(bytesOf)))

/** What a publisher's side makes of a READY: undefined, or the reason for refusing it. */
function verdictOn(frame: Buffer): string | undefined {
  const { take } = nullMechanism({ socketType: 'XPUB', talksTo: ['SUB', 'XSUB'] })
  try {
    new FrameReader(1_000_000, take).read(frame)
    return undefined
  } catch (error) {
    if (!(error instanceof ZmtpError)) throw error
    return error.reason
  }
}

const names = fc.string({ unit: 'binary-ascii', maxLength: 255 }).filter(name => name.toLowerCase() !== 'socket-type')
const values = fc.string({ unit: 'binary-ascii', maxLength: 300 })
const others = fc.array(fc.tuple(names, values), { maxLength: 5 })
const typeNames = fc.constantFrom('Socket-Type', 'socket-type', 'SOCKET-TYPE')

describe('a READY', { concurrency: true }, () => {
  test('is accepted with any properties, if each type of socket that it names belongs here', () => {
    const types = fc.array(fc.tuple(typeNames, fc.constantFrom('SUB', 'XSUB', 'PUB', 'sub', 'SUBS', '')), {
      maxLength: 2,
    })
    fc.assert(
      fc.property(others, types, others, (before, named, after) => {
        const belongs = named.every(([, type]) => type === 'SUB' || type === 'XSUB')
        assert.equal(verdictOn(readyWith(...before, ...named, ...after)), belongs ? undefined : 'socket_type')
      }),
    )
  })

  test('is refused if its last property is cut', () => {
    fc.assert(
      fc.property(others, fc.tuple(typeNames, fc.constant('SUB')), fc.nat(), (before, last, cut) => {
        const whole = bytesOf(last)
        const length = 1 + (cut % (whole.length - 1))
        const body = Buffer.concat([...before.map(bytesOf), whole.subarray(0, length)])
        assert.equal(verdictOn(commandFrame('READY', body)), 'malformed_ready')
      }),
    )
  })

  test('need not say which type of socket it is, as with libzmtp', async t => {
    const topic = drawP2pTopic()
    const { port, told } = await openPub(t)
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write(Buffer.concat([greetingOf(), commandOf('READY', ''), commandOf('SUBSCRIBE', topic)]))
    await told.of(`joined ${topic}`)
    assert.deepEqual(told.all, [`joined ${topic}`])
  })

  test('may be long, up to a bound', async t => {
    const topic = drawP2pTopic()
    const { port, told } = await openPub(t)
    const fits = 65_536 - 1 - 'READY'.length - bytesOf(['X-Purpose', '']).length
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    const ready = readyWith(['X-Purpose', 'x'.repeat(fits)])
    socket.write(Buffer.concat([greetingOf(), ready, commandOf('SUBSCRIBE', topic)]))
    await told.of(`joined ${topic}`)
    await raw(t, port, greetingOf(), readyWith(['X-Purpose', 'x'.repeat(fits + 1)]))
    assert.deepEqual(told.all, [`joined ${topic}`, 'broken frame_too_long'])
  })

  test('may not come: a peer that refuses this side says so, which is told', async t => {
    const { port, told } = await openPub(t)
    await raw(t, port, greetingOf(), commandOf('ERROR', '\x03400'))
    assert.deepEqual(told.all, ['broken refused_by_peer'])
  })
})
