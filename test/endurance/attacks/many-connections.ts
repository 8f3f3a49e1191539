import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Request } from 'zeromq'
import { encodeFrames } from '../../../src/sockets/zmtp/frame-reader.ts'
import { greetingOf, readyOf } from '../../sockets/broker-endpoint.ts'
import type { Attack, Target } from './attack.ts'

/** Subscriptions that a looping connection makes and ends in one piece, and the pause until the next piece, in milliseconds. */
const changesAtOnce = 1000
const pauseMs = 5

/** All connections on one p2p topic, of which nothing is read, so that the broker has no time for others. */
export const manyConnections: Attack = {
  name: 'many-connections',
  description:
    'Joins one p2p topic by all connections, which read nothing; half of them leave and join it without end. Who is closed comes ' +
    'back at once.',
  async run(target, connections, signal) {
    const topic = await subscribe(target, signal)
    if (topic === undefined) return
    const all = Array.from({ length: connections }, (_, at) => attackAgain(target, topic, at % 2 === 0, signal))
    await Promise.all(all)
  },
}

/** The p2p topic of a subscription of his own; undefined: the signal came first. */
async function subscribe({ host, manage }: Target, signal: AbortSignal): Promise<string | undefined> {
  for (; !signal.aborted; await sleep(100)) {
    const socket = new Request({ linger: 0, receiveTimeout: 1000 })
    socket.connect(`tcp://${host}:${manage}`)
    try {
      await socket.send(JSON.stringify({ action: 'subscribe', topic: 'stix2' }))
      const { status, topic } = JSON.parse(String(await socket.receive()))
      if (status === 'success') return topic
    } catch {
      // It is asked again.
    } finally {
      socket.close()
    }
  }
  return undefined
}

/** Joins by one connection, and by the next one when that was closed. */
async function attackAgain({ host, pub }: Target, topic: string, loops: boolean, signal: AbortSignal): Promise<void> {
  const join = encodeFrames([Buffer.from(`\x01${topic}`)])
  const leave = encodeFrames([Buffer.from(`\0${topic}`)])
  const loop = Buffer.concat(Array.from({ length: changesAtOnce }, () => Buffer.concat([leave, join])))
  for (; !signal.aborted; await sleep(pauseMs)) {
    const socket = connect(pub, host).on('error', () => {})
    // Nothing is read, not even the end of the connection: what is written finds that out.
    socket.pause()
    socket.write(Buffer.concat([greetingOf(), readyOf('SUB'), join]))
    while (!signal.aborted && !socket.destroyed) {
      await sleep(pauseMs)
      if (socket.writableLength === 0) socket.write(loops ? loop : join)
    }
    socket.destroy()
  }
}
