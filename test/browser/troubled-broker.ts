import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Subscriber } from 'zeromq'
import { indicator, publisher, receive, request, sighting } from '../system/wire.ts'
import { type InspectedBroker, startInspectedBroker } from './inspected-broker.ts'

/** Who is in trouble at a {@link startTroubledBroker}, by their p2p topics. */
export interface Troubled {
  readonly broker: InspectedBroker
  /** Six that never joined: what they have waiting differs. */
  readonly absent: readonly string[]
  /** One whose heartbeats stopped. */
  readonly silent: string
  /** One whose socket is connected and takes nothing. */
  readonly idle: string
  /** Publishes so many times a burst of indicators, ten bursts a second, a few invalid. */
  publish(bursts: number): Promise<void>
}

/** Makes messages so long that a connection that takes nothing is soon full. */
const description = 'Seen in a campaign. '.repeat(300)

/** Settings with which trouble comes soon. */
const settings = { heartbeat: { timeout: 5 }, join_timeout: 1, zmq: { send_buffer_size: 4096 } }

/**
 * A broker with real life in it. `watched` is told when it runs and nothing has happened yet.
 *
 *     publisher ── indicators, some invalid ──> broker ──> four that read, one silent, one that reads nothing;
 *     six that never joined, one whose snapshot nobody answers, an eavesdropper
 */
export async function startTroubledBroker(
  t: TestContext,
  over: Record<string, unknown> = {},
  watched: (broker: InspectedBroker) => Promise<unknown> = async () => {},
): Promise<Troubled> {
  const broker = await startInspectedBroker(t, { ...settings, ...over })
  await watched(broker)
  const out = await publisher(t, broker.sub)
  let published = 0
  const publish = async (bursts: number) => {
    for (let burst = 0; burst < bursts; burst++) {
      const count = 15 + Math.round(10 * Math.sin((published++ / 40) * 2 * Math.PI))
      for (let n = 0; n < count; n++) await out.send(`stix2/indicator ${indicator({ description })}`)
      if (published % 4 === 0) await out.send(`stix2/sighting ${sighting()}`)
      if (published % 40 === 0) await out.send(`stix2/indicator ${indicator({ pattern: '[nonsense' })}`)
      await pause(100)
    }
  }
  for (let n = 0; n < 4; n++) receive(t, broker.pub, await subscribe(broker))
  const absent: string[] = []
  for (let n = 0; n < 6; n++) {
    absent.push(await subscribe(broker, n % 3 === 2 ? 'stix2/sighting' : 'stix2/indicator'))
    await publish(2)
  }
  const silent = await subscribe(broker)
  const { received } = receive(t, broker.pub, silent)
  await publish(1)
  await received(1)
  await request(broker.manage, { action: 'heartbeat', topic: silent })
  const asking = await subscribe(broker, 'stix2/indicator', 30)
  receive(t, broker.pub, asking, '')
  const idle = await subscribe(broker)
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 1, receiveBufferSize: 4096 })
  t.after(() => socket.close())
  socket.connect(`tcp://127.0.0.1:${broker.pub}`)
  socket.subscribe(idle)
  return { broker, absent, silent, idle, publish }
}

async function subscribe({ manage }: InspectedBroker, topic = 'stix2/indicator', snapshot = 0): Promise<string> {
  return (await request(manage, { action: 'subscribe', topic, snapshot })).topic
}
