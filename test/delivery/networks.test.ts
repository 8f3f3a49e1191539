/**
 * applications — router — broker, each on a host of its own; packets get lost on the way, and nobody is told
 *
 * TCP itself is asked for an hour after the last packet here: what is found sooner is found by missing answers.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Application } from './applications.ts'
import type { ApplicationOptions } from './applications-process.ts'
import { Network } from './network.ts'
import type { PublisherOptions } from './publisher-process.ts'
import { Scene } from './scene.ts'

/** `heartbeat.timeout`, in seconds: in that time, a peer that has vanished is to be found. */
const timeout = 2

/** Far longer than that, in milliseconds: whoever is not found by then is not found by it. */
const notFoundMs = 240_000

type Kind = Omit<ApplicationOptions, 'host' | 'manage'>

/** Its library notices by itself that nothing passes. */
const watchful: Kind = { kind: 'plain', socket: { heartbeatInterval: 500, heartbeatTimeout: 1500 } }

/** Messages without an end. */
const traffic = { way: 'sub', bytes: 500, burst: 5, pauseMs: 20 } as const

/** So many messages, and then silence. */
const few = { ...traffic, count: 20 } as const

async function open(
  t: TestContext,
  application: Kind,
  publisher: Omit<PublisherOptions, 'publisher' | 'host' | 'manage' | 'sub'>,
) {
  const network = await Network.open(t)
  const settings = { heartbeat: { timeout }, zmq: { tcp_keepalive: 3600 } }
  const scene = await Scene.open(t, { processes: [[application]], publishers: [publisher], settings, network })
  const [received] = scene.applications as [Application]
  await received.received(20)
  return { network, scene, application: received }
}

/** Fulfilled when the broker says that a subscriber is gone. */
const foundGone = ({ broker }: Scene) => broker.logged(({ reason }) => reason === 'disconnected')

/** The broker has not found anybody gone. */
function assertNobodyGone({ broker }: Scene): void {
  assert.deepEqual(
    broker.log.filter(({ msg }) => msg.startsWith('stale')),
    [],
  )
}

describe('a peer that has vanished is found, and goes on when it is back', { concurrency: true }, () => {
  test('when nothing was under way', { timeout: notFoundMs }, async t => {
    const { network, scene } = await open(t, watchful, few)
    await network.isolate()
    await foundGone(scene)
    await network.heal()
    await scene.conclude({ ends: 'when all is published', breaks: 1 })
  })

  test('under traffic', { timeout: notFoundMs }, async t => {
    const { network, scene } = await open(t, watchful, traffic)
    await network.isolate()
    await foundGone(scene)
    await network.heal()
    await scene.conclude({ ends: 'now', breaks: 1 })
  })

  test('when it had not read what came', { timeout: notFoundMs }, async t => {
    // libzmq that sends heartbeats itself ends the process when its connection fails while nobody reads.
    const { network, scene, application } = await open(t, { kind: 'plain', highWaterMark: 10 }, traffic)
    application.reads = false
    await sleep(timeout * 1000)
    await network.isolate()
    await foundGone(scene)
    await network.giveUp(scene.broker.pub)
    await network.heal()
    await scene.conclude({ ends: 'now', breaks: 1 })
  })
})

describe('a peer that reads nothing for long keeps its connection, and gets everything once', {
  concurrency: true,
}, () => {
  for (const kind of ['plain', 'confirming'] as const) {
    test(kind, async t => {
      const { scene, application } = await open(t, { kind, highWaterMark: 10 }, traffic)
      application.reads = false
      await sleep(4 * timeout * 1000)
      assertNobodyGone(scene)
      await scene.conclude({ ends: 'now', breaks: 0 })
      assertNobodyGone(scene)
    })
  }
})

describe('a subscriber whose old connection the broker still holds loses nothing', { concurrency: true }, () => {
  const ways = {
    'when a NAT forgot that connection': async (network: Network, pub: number) => {
      await network.forget(await network.portTo(pub))
      await network.giveUp(pub)
    },
    'when its host has a new address': async (network: Network, pub: number, round: number) => {
      const port = await network.portTo(pub)
      await network.move(`10.0.2.${10 + round}`)
      await network.forget(port)
      await network.giveUp(pub)
    },
  }
  for (const kind of ['plain', 'confirming', 'typed'] as const) {
    test(kind, async t => {
      const application: Kind = { kind, types: ['indicator', 'sighting'], heartbeatMs: 500 }
      const { network, scene, application: receiver } = await open(t, application, traffic)
      const inTurn = Object.values(ways)
      for (const [round, breakBy] of inTurn.entries()) {
        await breakBy(network, scene.broker.pub, round)
        await receiver.received(receiver.arrivals.length + 50)
      }
      await scene.conclude({ ends: 'now', breaks: inTurn.length })
    })
  }
})
