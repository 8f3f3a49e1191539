import type { Attack } from './attack.ts'
import { intrude } from './stranger.ts'

/** Connections that say what they are, and nothing more. */
export const idleConnections: Attack = {
  name: 'idle-connections',
  description:
    'Connects to all ports, does nothing, and comes again when it is closed: so that nobody else finds room.',
  async run({ host, manage, pub, sub }, connections, signal) {
    const ports = [
      { port: pub, type: 'SUB' },
      { port: sub, type: 'PUB' },
      { port: manage, type: 'REQ' },
    ]
    await Promise.all(
      Array.from({ length: connections }, (_, at) => {
        const { port, type } = ports[at % ports.length] as (typeof ports)[number]
        return intrude({ host, port, type, says: () => [] }, signal)
      }),
    )
  },
}
