import { setTimeout as sleep } from 'node:timers/promises'
import { Request, Subscriber } from 'zeromq'
import { maxSnapshotDays } from '../../../src/protocol/management.ts'
import type { Attack } from './attack.ts'

/** From one subscription of a connection to the next: so that the attacker needs little of the machine himself. */
const pauseMs = 5

/** As many topics as one wants, each of which would be a snapshot. */
const topics = Array(64).fill('stix2')

/**
 * A stranger who wants everything that the history has, of ever other lengths, and leaves at once; or who stays, and reads
 * hardly any of it. Everybody else would be asked for it 128 times each, and wait until all of it is found.
 */
export const snapshots: Attack = {
  name: 'snapshots',
  description: 'Asks for snapshots 64 times in one request, again and again, and wants or reads none of them.',
  async run({ host, manage, pub }, connections, signal) {
    const sockets: (Request | Subscriber)[] = []
    const close = () => {
      for (const socket of sockets) socket.close()
    }
    signal.addEventListener('abort', close)
    const open = <Socket extends Request | Subscriber>(socket: Socket, port: number): Socket => {
      socket.connect(`tcp://${host}:${port}`)
      sockets.push(socket)
      return socket
    }
    const ask = async (socket: Request, request: object): Promise<{ readonly topic?: unknown }> => {
      // That there is no answer, or a refusal, ends nothing.
      await socket.send(JSON.stringify(request)).catch(() => {})
      const [reply] = await socket.receive().catch(() => [])
      return reply === undefined ? {} : JSON.parse(String(reply))
    }
    const wantEndlessly = async (each: number) => {
      const options = { linger: 0, receiveTimeout: 60_000, relaxed: true, correlate: true }
      const request = open(new Request(options), manage)
      const reader = each % 2 === 0 ? open(new Subscriber({ linger: 0, receiveHighWaterMark: 1 }), pub) : undefined
      let days = each
      while (!signal.aborted) {
        days = (days % maxSnapshotDays) + 1
        const { topic } = await ask(request, { action: 'subscribe', topic: topics, snapshot: days })
        if (typeof topic === 'string' && !signal.aborted) {
          reader?.subscribe(topic)
          await ask(request, { action: 'unsubscribe', topic })
        }
        await sleep(pauseMs)
      }
    }
    // Two of three connections are for `manage`, and one of those has a reader.
    const strangers = Array.from({ length: Math.floor((connections * 2) / 3) }, (_, each) => wantEndlessly(each))
    await Promise.all(strangers).finally(close)
  },
}
