/** a publisher → broker → a proxy that cuts → an application, of each kind */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { ApplicationOptions } from './applications-process.ts'
import { summary } from './checker.ts'
import type { CuttingProxy } from './cutting-proxy.ts'
import type { Ending } from './proxied-connection.ts'
import { Scene } from './scene.ts'

const bytes = 500
const breaks = 3

/** The smallest that can be configured: with few messages, more than this would come again if it were not kept to. */
const smallWindowBytes = 131_072

/** Breaks the application's connection at random places, before so many bytes of messages have passed. */
async function breakConnections([proxy]: readonly CuttingProxy[], messageBytes: number): Promise<void> {
  // The last break comes before the last message, also when nothing is sent twice.
  const furthest = (messageBytes * 0.7) / breaks
  for (let broken = 1; broken <= breaks; broken++) {
    await proxy?.connected(broken)
    const ending: Ending = Math.random() < 0.5 ? 'rst' : 'fin'
    await proxy?.cutAfter(1 + Math.floor(Math.random() * furthest), ending)
  }
}

/** Publishes so many messages, breaks the application's connection at random places meanwhile, and checks what it received. */
async function receiveThroughBreaks(
  t: TestContext,
  messages: number,
  application: Omit<ApplicationOptions, 'host' | 'manage'>,
  windowBytes?: number,
): Promise<void> {
  const publisher = { way: 'sub', bytes, burst: 100, pauseMs: 1, count: messages } as const
  const scene = await Scene.open(t, { processes: [[application]], publishers: [publisher], windowBytes })
  await breakConnections(scene.proxies, messages * bytes)
  const outcome = await scene.conclude({ ends: 'when all is published' })
  assert.equal(outcome.log.length, messages + 1)
  const repetitions = scene.applications.flatMap(each =>
    outcome.findings(each).flatMap(({ repetitions }) => repetitions),
  )
  t.diagnostic(`came again: ${summary(repetitions)}`)
  assert.equal(scene.proxies[0]?.connections, breaks + 1)
}

describe('whose connections break at random places loses nothing, and is sent again', { concurrency: true }, () => {
  test('at most the window for each break, if it knows nothing of confirming', t =>
    receiveThroughBreaks(t, 10_000, { kind: 'plain' }))

  test('no more if it reads slowly, and its library holds little', t =>
    receiveThroughBreaks(t, 2000, { kind: 'plain', highWaterMark: 10, pauseMs: 1 }, smallWindowBytes))

  test('no more if it joined by topic and types', t =>
    receiveThroughBreaks(t, 3000, { kind: 'typed', types: ['indicator', 'sighting'] }, smallWindowBytes))

  test('no more if it joined for one type of two', t =>
    receiveThroughBreaks(t, 3000, { kind: 'typed', types: ['indicator'] }, smallWindowBytes))

  test('nothing if it confirms', t => receiveThroughBreaks(t, 3000, { kind: 'confirming' }, smallWindowBytes))

  for (const kind of ['plain', 'confirming'] as const) {
    test(`${kind === 'plain' ? 'at most the window' : 'nothing'} of a snapshot: ${kind}`, async t => {
      const count = 2000
      const publisher = { way: 'receipts', bytes, burst: 500, pauseMs: 0, count } as const
      const scene = await Scene.open(t, { processes: [], publishers: [publisher], windowBytes: smallWindowBytes })
      await scene.publishers[0]?.ended
      await scene.join([{ kind, snapshotDays: 1 }])
      await breakConnections(scene.proxies, count * bytes)
      await scene.conclude({ ends: 'when all is published' })
    })
  }

  test('no more than one message that is longer than the window', async t => {
    const publisher = { way: 'sub', bytes: 300_000, burst: 1, pauseMs: 1, count: 60 } as const
    const cast = { processes: [[{ kind: 'plain' } as const]], publishers: [publisher], windowBytes: smallWindowBytes }
    const scene = await Scene.open(t, { ...cast, longestBytes: 301_000 })
    await breakConnections(scene.proxies, 60 * 300_000)
    await scene.conclude({ ends: 'when all is published' })
  })
})
