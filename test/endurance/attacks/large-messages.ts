import { setMaxListeners } from 'node:events'
import { connect, type Socket } from 'node:net'
import { encodeFrames } from '../../../src/sockets/zmtp/frame-reader.ts'
import { greetingOf, readyOf } from '../../sockets/broker-endpoint.ts'
import type { Attack, Target } from './attack.ts'

/** Less than the longest message that may be, with what is around it. */
const longest = 16 * 1_048_576 - 4096

const begin = '"type":"indicator","spec_version":"2.1","pattern_type":"stix"'
const pattern = '"pattern":"[a:b = 1]"'

function filled(unit: string, bytes: number): string {
  return unit.repeat(bytes / unit.length)
}

/** An indicator that is wrong at its very end: all of it is looked at, and nothing is stored. */
function wrongAtLast(members: string): string {
  return `{${begin},${members},"valid_from":"now"}`
}

/**
 * Bodies by what they are made of. The long ones are refused, and as late as can be: it is their check that is to cost
 * something. Those of which many are sent are as long as may be before a message is large.
 */
const bodies: Readonly<Record<string, () => { readonly body: string; readonly times: number }>> = {
  'as many values as may be': () => ({
    body: `{${begin},${pattern},"x_list":[${filled('{},', 3 * 99_000)}0]}`,
    times: 1,
  }),
  'objects without end': () => ({ body: wrongAtLast(`${pattern},"x_list":[${filled('{},', longest)}0]`), times: 2 }),
  'a long pattern': () => ({
    body: `{${begin},"pattern":"[a:b = 1]${filled(' OR [a:b = 1]', longest)} OR"}`,
    times: 1,
  }),
  'a long string': () => ({ body: wrongAtLast(`${pattern},"x_text":"${filled('\u2192', longest / 3)}"`), times: 2 }),
  blanks: () => ({ body: wrongAtLast(`${pattern}${filled(' ', longest)}`), times: 2 }),
  'deep lists': () => ({ body: wrongAtLast(`${pattern},"x_list":${filled('[', longest)}`), times: 2 }),
  'many names': () => ({
    body: wrongAtLast(`${pattern},"x_names":{${numbered(6000, at => `"${at.toString(36)}":0`)}}`),
    times: 500,
  }),
  'many selectors': () => ({
    body: wrongAtLast(
      `${pattern},"x_names":{${numbered(2000, at => `"a${at}":0`)}},"granular_markings":[{"lang":"en","selectors":[${filled('"x_names",', 30_000)}"id"]}]`,
    ),
    times: 500,
  }),
}

function numbered(count: number, text: (at: number) => string): string {
  return Array.from({ length: count }, (_, at) => text(at)).join()
}

/** Requests, likewise: of 10,000 messages the last is wrong, or what is no message is as long as may be. */
const requests: Readonly<Record<string, () => { readonly body: string; readonly times: number }>> = {
  'many messages': () => {
    const message = `{${begin},${pattern},"x_text":"${filled('x', 1400)}"}`
    return { body: publishing(`[${filled(`${message},`, 9999 * (message.length + 1))}{}]`), times: 2 }
  },
  topics: () => ({ body: `{"action":"subscribe","topic":[${filled('"stix2",', longest)}"stix2"]}`, times: 2 }),
  members: () => ({
    body: `{${numbered(900_000, at => `"${at.toString(36)}":{}`)},"action":"subscribe"}`,
    times: 2,
  }),
}

function publishing(message: string): string {
  return `{"action":"publish","topic":"stix2/indicator","message":${message}}`
}

/** One after the other, of which only that is in memory which is sent. */
function* payloads(): Generator<{ readonly sub: Buffer; readonly manage: Buffer; readonly times: number }> {
  for (;;) {
    for (const make of Object.values(bodies)) {
      const { body, times } = make()
      yield {
        sub: encodeFrames([Buffer.from(`stix2/indicator ${body}`)]),
        manage: encodeFrames([Buffer.alloc(0), Buffer.from(publishing(body))]),
        times,
      }
    }
    for (const make of Object.values(requests)) {
      const { body, times } = make()
      const frames = encodeFrames([Buffer.alloc(0), Buffer.from(body)])
      yield { sub: Buffer.alloc(0), manage: frames, times }
    }
  }
}

function open(port: number, host: string, socketType: string): Socket {
  const socket = connect(port, host).on('error', () => {})
  // What the broker says is of no interest, but an unread answer would keep it from saying more.
  socket.resume()
  socket.write(Buffer.concat([greetingOf(), readyOf(socketType)]))
  return socket
}

/** Sends as often as it says, as fast as it is read. */
async function send(socket: Socket, bytes: Buffer, times: number, signal: AbortSignal): Promise<void> {
  for (let count = 0; count < times && !signal.aborted && socket.writable; count++) {
    if (!socket.write(bytes)) await drained(socket, signal)
  }
}

/** Fulfilled when the broker has read what was sent, or it is over. */
function drained(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      signal.removeEventListener('abort', done)
      for (const event of ['drain', 'close']) socket.off(event, done)
      resolve()
    }
    signal.addEventListener('abort', done)
    for (const event of ['drain', 'close']) socket.on(event, done)
  })
}

/** Sends what takes longest to check, for its length and for its parts, on `sub` and on `manage`. */
export const largeMessages: Attack = {
  name: 'large-messages',
  description: 'Publishes what takes longest to check, as long as may be, so that nobody else has a turn.',
  async run({ host, sub, manage }: Target, connections: number, signal: AbortSignal) {
    setMaxListeners(0, signal)
    const sockets: { socket: Socket; readonly way: 'sub' | 'manage' }[] = []
    try {
      for (const payload of payloads()) {
        for (let at = 0; at < connections && !signal.aborted; at++) {
          const way = at % 2 === 0 ? 'sub' : 'manage'
          if (sockets[at]?.socket.writable) continue
          const socket = open(way === 'sub' ? sub : manage, host, way === 'sub' ? 'PUB' : 'DEALER')
          sockets[at] = { socket, way }
        }
        if (signal.aborted) return
        const { times } = payload
        await Promise.all(
          sockets
            .filter(({ way }) => payload[way].length > 0)
            .map(({ socket, way }) => send(socket, payload[way], times, signal)),
        )
      }
    } finally {
      for (const { socket } of sockets) socket.destroy()
    }
  },
}
