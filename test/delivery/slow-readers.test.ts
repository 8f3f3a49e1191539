/**
 * a publisher → broker → a proxy → an application that does not read
 *
 * libzmq up to 4.3.5 ends the whole process ("Assertion failed: !_io_error") when it comes to a PING after the connection has
 * failed: if it stands, in the 8,192 bytes that the library reads at once, behind a message that the application had no
 * room for.
 */
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Application } from './applications.ts'
import type { CuttingProxy } from './cutting-proxy.ts'
import { Scene } from './scene.ts'

/** How many messages of how many bytes are published to an application that holds two, and reads nothing then. */
async function openWithUnread(t: TestContext, count: number, bytes: number, pauseMs: number): Promise<Scene> {
  const scene = await Scene.open(t, {
    processes: [[{ kind: 'plain', highWaterMark: 2, pauseMs }]],
    publishers: [{ way: 'sub', bytes, burst: 1, pauseMs: 1, count }],
    windowBytes: 131_072,
  })
  const [application] = scene.applications as [Application]
  await application.received(1)
  application.reads = false
  await scene.publishers[0]?.ended
  return scene
}

describe('an application that has not read what its library holds', { concurrency: true }, () => {
  test('survives that the broker is killed, and goes on', async t => {
    const scene = await openWithUnread(t, 2000, 500, 0)
    const [application] = scene.applications as [Application]
    await scene.killBroker()
    application.reads = true
    // The last of what came by `sub` may have died with the broker.
    await scene.conclude({ ends: 'now' })
  })

  test('survives that its connection is reset behind a PING that it has not come to, and goes on', async t => {
    const scene = await openWithUnread(t, 20, 300, 50)
    const [application] = scene.applications as [Application]
    const [proxy] = scene.proxies as [CuttingProxy]
    await proxy.pinged(1)
    // What the proxy has passed on has reached the system of the application: all of it is in its library's next piece.
    await sleep(200)
    application.reads = true
    await application.received(5)
    proxy.cut('rst')
    await scene.conclude({ ends: 'when all is published' })
  })
})

describe('a confirming application that has not read what its library holds', { concurrency: true }, () => {
  const breakBy = {
    'its connections are cut': (scene: Scene) => {
      for (const proxy of scene.proxies) proxy.cut('fin')
    },
    'the broker is killed': (scene: Scene) => scene.killBroker(),
  }
  for (const [what, breakAll] of Object.entries(breakBy)) {
    test(`is sent nothing twice, and loses nothing, when ${what}`, async t => {
      // It says all the time what it has received, and so also while its connection is being made again.
      const application = { kind: 'confirming', heartbeatMs: 20 } as const
      const scene = await Scene.open(t, {
        processes: [Array.from({ length: 3 }, () => application)],
        publishers: [{ way: 'requests', bytes: 500, burst: 10, pauseMs: 20 }],
      })
      for (let round = 0; round < 2; round++) {
        for (const each of scene.applications) each.reads = false
        await sleep(500)
        await breakAll(scene)
        await Promise.all(scene.proxies.map(proxy => proxy.connected(round + 2)))
        // It goes on receiving without reading.
        await sleep(500)
        for (const each of scene.applications) each.reads = true
        await sleep(200)
      }
      await scene.conclude({ ends: 'now' })
    })
  }
})
