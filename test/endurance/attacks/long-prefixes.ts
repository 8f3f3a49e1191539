import { Request } from 'zeromq'
import { encodeFrames } from '../../../src/sockets/zmtp/frame-reader.ts'
import type { Attack, Target } from './attack.ts'
import { intrude } from './stranger.ts'

/** So many p2p topics, of each so many prefixes, as long as one may be. */
const topicsNumber = 200
const prefixesNumber = 64
const prefixBytes = 255

/** Subscribes, and answers the p2p topics. Those that are refused, or not answered, are left out. */
async function topicsOf({ host, manage }: Target, signal: AbortSignal): Promise<string[]> {
  const socket = new Request({ linger: 0, receiveTimeout: 60_000, relaxed: true, correlate: true })
  socket.connect(`tcp://${host}:${manage}`)
  const topics: string[] = []
  try {
    for (let count = 0; count < topicsNumber && !signal.aborted; count++) {
      await socket.send('{"action":"subscribe","topic":["stix2/"]}')
      const [reply] = await socket.receive().catch(() => ['{}'])
      const { topic } = JSON.parse(String(reply)) as { topic?: string }
      if (topic !== undefined) topics.push(topic)
    }
  } finally {
    socket.close()
  }
  return topics
}

/** Subscriptions to prefixes of a topic: those that match nothing, and those that could. */
function* subscriptionsTo(topics: readonly string[]): Iterable<Buffer> {
  for (const topic of topics) {
    const frames = Array.from({ length: prefixesNumber }, (_, at) => {
      const prefix = at % 2 === 0 ? `${topic}${at}` : `${topic}indicator {"${at}":"`
      return encodeFrames([Buffer.from(`\x01${prefix.padEnd(prefixBytes, 'x')}`)])
    })
    yield Buffer.concat(frames)
  }
}

/** Prefixes that are long and many. */
export const longPrefixes: Attack = {
  name: 'long-prefixes',
  description: 'Subscribes each connection to 64 prefixes of 255 bytes of each of 200 topics: to have them kept.',
  async run(target, connections, signal) {
    const { host, pub: port } = target
    const topics = await topicsOf(target, signal)
    const says = () => subscriptionsTo(topics)
    await Promise.all(Array.from({ length: connections }, () => intrude({ host, port, type: 'SUB', says }, signal)))
  },
}
