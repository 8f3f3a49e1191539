import { type Connection, connectTo, type Endpoint, type OnMessage } from './connection.ts'
import type { Wire } from './wire.ts'

// As much of MQTT 3.1.1 as a publisher and a subscriber of quality of service 0 need: no acknowledgements.

const packets = { connect: 0x10, connack: 0x20, publish: 0x30, subscribe: 0x82, suback: 0x90 } as const
/** Flags of a connection: a clean session, no will, no name. */
const cleanSession = 0x02

/** How a subscriber and a publisher talk to an MQTT broker. */
export const mqtt: Wire = {
  subscribe: (endpoint, topic, onMessage) => connectMqtt(endpoint, onMessage, topic),
  connectPublisher: endpoint => connectMqtt(endpoint, () => {}),
  message: (topic, body) => packet(packets.publish, [text(topic), body]),
}

function connectMqtt(endpoint: Endpoint, onMessage: OnMessage, topic?: string): Promise<Connection> {
  return connectTo(endpoint, ({ write, ready, fail }) => {
    // Protocol level 4, no keep-alive, and a name that the broker gives.
    write(packet(packets.connect, [text('MQTT'), Buffer.from([4, cleanSession, 0, 0]), text('')]))

    return (memory, start, end) => {
      let at = start
      while (end - at >= 2) {
        let body = at + 1
        let length = 0
        for (let shift = 0; ; shift += 7) {
          if (body === end) return at
          const byte = memory[body++] ?? 0
          length += (byte & 0x7f) << shift
          if (byte < 0x80) break
        }
        const next = body + length
        if (next > end) break
        const type = (memory[at] ?? 0) & 0xf0
        if (type === packets.publish) onMessage(memory, body + 2 + memory.readUInt16BE(body), next)
        else takeAnswer(type, memory[next - 1] ?? 0)
        at = next
      }
      return at
    }

    /** The last byte of both answers is their code. */
    function takeAnswer(type: number, code: number): void {
      if (code !== 0) fail(new Error(`the broker refused with code ${code}`))
      else if (type === packets.connack && topic !== undefined) write(subscription(topic))
      else ready()
    }
  })
}

function subscription(topic: string): Buffer {
  return packet(packets.subscribe, [Buffer.from([0, 1]), text(topic), Buffer.from([0])])
}

function packet(type: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const header = [type]
  for (let rest = body.length; ; rest >>= 7) {
    header.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80)
    if (rest < 0x80) return Buffer.concat([Buffer.from(header), body])
  }
}

function text(string: string): Buffer {
  return Buffer.concat([Buffer.from([string.length >> 8, string.length & 0xff]), Buffer.from(string)])
}
