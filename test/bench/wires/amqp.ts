import { type Connection, connectTo, type Endpoint, type OnMessage } from './connection.ts'
import type { Wire } from './wire.ts'

// As much of AMQP 0-9-1 as a publisher to a fan-out exchange and a subscriber without acknowledgements need. Each step
// of the way in is the answer to a method of the server's.

const frames = { method: 1, header: 2, body: 3 } as const
const frameEnd = 0xce
/** Type, channel and size in front, and one byte behind. */
const frameOverhead = 8
/** What the server proposes as well. */
const longestFrame = 131_072
const emptyTable = long(0)
const exclusiveQueue = 0x04
const withoutAcknowledgement = 0x02

const exchange = text('stix2')
const byte = (value: number) => Buffer.from([value])

/** How a subscriber and a publisher talk to an AMQP broker that has a guest. There is one exchange, whatever the topic. */
export const amqp: Wire = {
  subscribe: (endpoint, _topic, onMessage) => connectAmqp(endpoint, onMessage),
  connectPublisher: endpoint => connectAmqp(endpoint),
  message(_topic, body) {
    const header = Buffer.concat([short(60), short(0), long(0), long(body.length), short(0)])
    return Buffer.concat([
      method(1, 60, 40, [short(0), exchange, text(''), byte(0)]),
      frame(frames.header, 1, header),
      frame(frames.body, 1, body),
    ])
  },
}

/** Whoever hears no messages is a publisher. */
function connectAmqp(endpoint: Endpoint, onMessage?: OnMessage): Promise<Connection> {
  return connectTo(endpoint, ({ write, ready, fail }) => {
    write(Buffer.from('AMQP\0\0\x09\x01', 'latin1'))

    return (memory, start, end) => {
      let at = start
      while (end - at >= frameOverhead) {
        const body = at + 7
        const next = body + memory.readUInt32BE(at + 3) + 1
        if (next > end) break
        if (memory[at] === frames.body) onMessage?.(memory, body, next - 1)
        else if (memory[at] === frames.method) takeMethod(memory.readUInt16BE(body), memory.readUInt16BE(body + 2))
        at = next
      }
      return at
    }

    function takeMethod(classId: number, methodId: number): void {
      const name = `${classId}.${methodId}`
      if (closings.has(name)) fail(new Error(`the broker closed by method ${name}`))
      else if (name === (onMessage ? '60.21' : '40.11')) ready()
      else if (answers[name]) write(answers[name])
    }
  })
}

/** The server closes the connection or the channel. */
const closings: ReadonlySet<string> = new Set(['10.50', '20.40'])

/** What to answer to each method on the way in: connection, channel, exchange; then queue, binding, consumer. */
const answers: Readonly<Record<string, Buffer>> = {
  // No properties, and PLAIN, whose text has a long length.
  '10.10': method(0, 10, 11, [emptyTable, text('PLAIN'), Buffer.alloc(3), text('\0guest\0guest'), text('en_US')]),
  '10.30': Buffer.concat([
    method(0, 10, 31, [short(1), long(longestFrame), short(0)]),
    method(0, 10, 40, [text('/'), text(''), byte(0)]),
  ]),
  '10.41': method(1, 20, 10, [text('')]),
  '20.11': method(1, 40, 10, [short(0), exchange, text('fanout'), byte(0), emptyTable]),
  '40.11': method(1, 50, 10, [short(0), text(''), byte(exclusiveQueue), emptyTable]),
  '50.11': method(1, 50, 20, [short(0), text(''), exchange, text(''), byte(0), emptyTable]),
  '50.21': method(1, 60, 20, [short(0), text(''), text(''), byte(withoutAcknowledgement), emptyTable]),
}

function method(channel: number, classId: number, methodId: number, fields: readonly Buffer[]): Buffer {
  return frame(frames.method, channel, Buffer.concat([short(classId), short(methodId), ...fields]))
}

function frame(type: number, channel: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type]), short(channel), long(body.length), body, Buffer.from([frameEnd])])
}

function short(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}

function long(value: number): Buffer {
  return Buffer.concat([short(value >>> 16), short(value & 0xffff)])
}

/** A text of up to 255 bytes. */
function text(string: string): Buffer {
  return Buffer.concat([Buffer.from([string.length]), Buffer.from(string)])
}
