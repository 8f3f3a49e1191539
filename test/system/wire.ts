/** Applications as strangers would write them: bare sockets that know the protocol, none of our own code. */
import type { TestContext } from 'node:test'
import { Request, Subscriber, XPublisher } from 'zeromq'

/** A reply from `manage`. */
export type Reply = { readonly status: string; readonly topic: string; readonly reason?: string } & Record<
  string,
  unknown
>

/** Sends one request to `manage` over a connection of its own, as the original's applications do, and answers the reply. */
export async function request(port: number, ...parts: (object | string | Buffer)[]): Promise<Reply> {
  const socket = new Request({ linger: 0, receiveTimeout: 60_000 })
  socket.connect(`tcp://127.0.0.1:${port}`)
  await socket.send(
    parts.map(part => (typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part))),
  )
  try {
    const [reply] = await socket.receive()
    return JSON.parse(String(reply))
  } finally {
    socket.close()
  }
}

/** A SUB socket on `pub`, and what it received. */
export interface Receiver {
  readonly frames: string[]
  /** Fulfilled once it has received so many frames in all. */
  received(count: number): Promise<readonly string[]>
  close(): void
}

/** Connects a SUB socket that reads everything at once. */
export function receive(t: TestContext, port: number, ...prefixes: string[]): Receiver {
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 0 })
  t.after(() => socket.close())
  socket.connect(`tcp://127.0.0.1:${port}`)
  socket.subscribe(...prefixes)
  const frames: string[] = []
  const waiting = new Set<() => void>()
  const read = async () => {
    for await (const [frame] of socket) {
      frames.push(String(frame))
      for (const look of waiting) look()
    }
  }
  read().catch(() => {})
  return {
    frames,
    close: () => socket.close(),
    received: count =>
      new Promise(resolve => {
        const look = () => {
          if (frames.length < count) return
          waiting.delete(look)
          resolve(frames)
        }
        waiting.add(look)
        look()
      }),
  }
}

/** Connects a publisher to `sub` and waits until the broker's subscriptions have arrived, so that nothing is dropped. */
export async function publisher(t: TestContext, port: number) {
  const socket = new XPublisher({ linger: 1000, sendHighWaterMark: 0 })
  t.after(() => socket.close())
  socket.connect(`tcp://127.0.0.1:${port}`)
  const expected = new Set(['\x01stix2/', '\x01threatbus/snapshotenvelope'])
  while (expected.size > 0) {
    const [frame] = await socket.receive()
    expected.delete(String(frame))
  }
  return {
    send: (...parts: (string | Buffer)[]) => socket.send(parts),
    close: () => socket.close(),
  }
}

let serial = 0

/** A complete, valid indicator as JSON text, unlike any other. */
export function indicator(over: object = {}): string {
  const id = `indicator--${(serial++).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
  const time = '2026-11-24T06:00:00.000Z'
  return JSON.stringify({
    type: 'indicator',
    spec_version: '2.1',
    id,
    created: time,
    modified: time,
    pattern: "[domain-name:value = 'evil.example']",
    pattern_type: 'stix',
    pattern_version: '2.1',
    valid_from: time,
    ...over,
  })
}

/** A complete, valid sighting as JSON text, unlike any other. */
export function sighting(over: object = {}): string {
  const id = `sighting--${(serial++).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
  const time = '2026-11-24T06:00:00.000Z'
  return JSON.stringify({
    type: 'sighting',
    spec_version: '2.1',
    id,
    created: time,
    modified: time,
    sighting_of_ref: 'indicator--00000000-0000-4000-8000-000000000000',
    ...over,
  })
}
