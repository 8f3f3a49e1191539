import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeFrames } from '../../../src/sockets/zmtp/frame-reader.ts'
import { greetingOf, readyOf } from '../../sockets/broker-endpoint.ts'
import { indicator } from '../../system/wire.ts'
import type { Attack } from './attack.ts'

/** A publish request of so many indicators of so many bytes, as a DEALER socket sends it. */
function publication(messages: number, bytes: number): Buffer {
  const bodies = Array.from({ length: messages }, () => indicator({ description: 'x'.repeat(bytes) }))
  const request = `{"action":"publish","topic":"stix2/","message":[${bodies.join()}]}`
  return encodeFrames([Buffer.alloc(0), Buffer.from(request)])
}

/** Publishes on one connection as fast as the broker reads, and reads no reply, until the connection or the attack ends. */
async function flood(socket: Socket, request: Buffer): Promise<void> {
  const closed = once(
    socket.on('error', () => {}),
    'close',
  ).catch(() => {})
  const send = () => {
    while (socket.writable && socket.write(request));
  }
  socket.on('drain', send)
  for (const part of [greetingOf(), readyOf('DEALER')]) socket.write(part)
  send()
  await closed
}

/** Publishes more with receipts than any disk takes. */
export const receipts: Attack = {
  name: 'receipts',
  description:
    'Publishes large and small batches with receipts, as fast as they are read, and reads no reply: the broker is to hold all of it until the disk has it.',
  async run({ host, manage }, connections, signal) {
    const requests = [publication(1, 0), publication(100, 10_000), publication(1000, 0)]
    const sockets = new Map<number, Socket>()
    signal.addEventListener('abort', () => {
      for (const socket of sockets.values()) socket.destroy()
    })
    const attack = async (number: number) => {
      const request = requests[number % requests.length] as Buffer
      while (!signal.aborted) {
        const socket = connect(manage, host)
        sockets.set(number, socket)
        await flood(socket, request)
        await sleep(100)
      }
    }
    await Promise.all(Array.from({ length: connections }, (_, number) => attack(number)))
  },
}
