import { type Connection, connectTo, type Endpoint, type OnMessage } from './connection.ts'
import type { Wire } from './wire.ts'

// As much of the NATS client protocol as a publisher and a subscriber need. The server's PONG says that it has taken
// everything before our PING.

const lineFeed = 10
const blank = 32
const letterM = 77

/** How a subscriber and a publisher talk to a NATS server. */
export const nats: Wire = {
  subscribe: (endpoint, topic, onMessage) => connectNats(endpoint, onMessage, `SUB ${subject(topic)} 1\r\n`),
  connectPublisher: endpoint => connectNats(endpoint, () => {}),
  message: (topic, body) => Buffer.from(`PUB ${subject(topic)} ${body.length}\r\n${body}\r\n`),
}

function connectNats(endpoint: Endpoint, onMessage: OnMessage, subscription = ''): Promise<Connection> {
  return connectTo(endpoint, ({ write, ready, fail }) => {
    write(Buffer.from(`CONNECT {"verbose":false,"pedantic":false}\r\n${subscription}PING\r\n`))

    return (memory, start, end) => {
      let at = start
      while (at < end) {
        const feed = memory.indexOf(lineFeed, at)
        if (feed === -1 || feed >= end) break
        const body = feed + 1
        if (memory[at] === letterM) {
          const bodyEnd = body + lengthBefore(memory, feed - 2)
          if (bodyEnd + 2 > end) break
          onMessage(memory, body, bodyEnd)
          at = bodyEnd + 2
        } else {
          takeLine(memory.toString('latin1', at, feed))
          at = body
        }
      }
      return at
    }

    function takeLine(line: string): void {
      if (line.startsWith('PONG')) ready()
      else if (line.startsWith('PING')) write(Buffer.from('PONG\r\n'))
      else if (line.startsWith('-ERR')) fail(new Error(`the server says ${line}`))
    }
  })
}

/** `MSG subject id length`: the number that ends at `last`. */
function lengthBefore(memory: Buffer, last: number): number {
  let length = 0
  let power = 1
  for (let at = last; memory[at] !== blank; at--) {
    length += ((memory[at] ?? 0) - 48) * power
    power *= 10
  }
  return length
}

function subject(topic: string): string {
  return topic.replaceAll('/', '.')
}
