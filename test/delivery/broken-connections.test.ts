/** a publisher → broker → a proxy that cuts → an application, of each kind */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { ApplicationOptions } from './applications-process.ts'
import type { CuttingProxy, Ending } from './cutting-proxy.ts'
import { Scene } from './scene.ts'

const bytes = 500
const breaks = 3

/** The smallest that can be configured: with few messages, more than this would come again if it were not kept to. */
const smallWindowBytes = 131_072

/** Publishes so many messages, breaks the application's connection at random places meanwhile, and checks what it received. */
async function receiveThroughBreaks(
  t: TestContext,
  messages: number,
  application: Omit<ApplicationOptions, 'host' | 'manage'>,
  windowBytes?: number,
): Promise<void> {
  const publisher = { way: 'sub', bytes, burst: 100, pauseMs: 1, count: messages } as const
  const scene = await Scene.open(t, { processes: [[application]], publishers: [publisher], windowBytes })
  const [proxy] = scene.proxies as [CuttingProxy]
  // The last break comes before the last message, also when nothing is sent twice.
  const furthest = (messages * bytes * 0.7) / breaks
  for (let broken = 1; broken <= breaks; broken++) {
    await proxy.connected(broken)
    const ending: Ending = Math.random() < 0.5 ? 'rst' : 'fin'
    await proxy.cutAfter(1 + Math.floor(Math.random() * furthest), ending)
  }
  const { log } = await scene.conclude({ ends: 'when all is published' })
  assert.equal(log.length, messages + 1)
  assert.equal(proxy.connections, breaks + 1)
}

describe('whose connections break at random places loses nothing, and is sent again', { concurrency: true }, () => {
  test('at most the window for each break, if it knows nothing of confirming', t =>
    receiveThroughBreaks(t, 30_000, { kind: 'plain' }))

  test('no more if it reads slowly, and its library holds little', t =>
    receiveThroughBreaks(t, 2000, { kind: 'plain', highWaterMark: 10, pauseMs: 1 }, smallWindowBytes))

  test('no more if it joined by topic and types', t =>
    receiveThroughBreaks(t, 5000, { kind: 'typed', types: ['indicator', 'sighting'] }, smallWindowBytes))

  test('no more if it joined for one type of two', t =>
    receiveThroughBreaks(t, 5000, { kind: 'typed', types: ['indicator'] }, smallWindowBytes))

  test('nothing if it confirms', t => receiveThroughBreaks(t, 5000, { kind: 'confirming' }, smallWindowBytes))
})
