import { writeHeader } from '../../../src/sockets/zmtp/frame-reader.ts'
import type { Attack } from './attack.ts'
import { intrude } from './stranger.ts'

/** What one message may have by default, and what of it comes. */
const announcedBytes = 16_777_216
const pieceBytes = 65_536
const piece = Buffer.alloc(pieceBytes, 'x')

/** The beginning of a message on `sub`, or of a request, all but its last piece. */
function* beginning(): Iterable<Buffer> {
  const header = Buffer.alloc(15)
  writeHeader(header, 0, announcedBytes, 'last')
  header.write('stix2/', 9)
  yield header
  for (let sent = pieceBytes; sent < announcedBytes - pieceBytes; sent += pieceBytes) yield piece
}

/** Messages of 16 MiB that never end. */
export const unfinishedFrames: Attack = {
  name: 'unfinished-frames',
  description:
    'Sends messages of 16 MiB without their ends to all ports, and stops: to hold its memory, or that of others.',
  async run({ host, manage, pub, sub }, connections, signal) {
    const ports = [
      { port: sub, type: 'PUB' },
      { port: manage, type: 'DEALER' },
      { port: pub, type: 'SUB' },
    ]
    await Promise.all(
      Array.from({ length: connections }, (_, at) => {
        const { port, type } = ports[at % ports.length] as (typeof ports)[number]
        return intrude({ host, port, type, says: beginning }, signal)
      }),
    )
  },
}
