/**
 * a publisher → broker → a proxy → an application that does not read
 *
 * libzmq up to 4.3.5 ends the whole process ("Assertion failed: !_io_error") when it comes to a PING after the connection has
 * failed: if it stands, in the 8,192 bytes that the library reads at once, behind a message that the application had no
 * room for.
 */
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Member, Scene } from './scene.ts'

/** How many messages of how many bytes are published to an application that holds ten, and then reads nothing. */
async function openWithUnread(t: TestContext, count: number, bytes: number): Promise<Scene> {
  const scene = await Scene.open(t, {
    processes: [[{ kind: 'plain', highWaterMark: 2 }]],
    publishers: [{ way: 'sub', bytes, burst: 1, pauseMs: 1, count }],
    windowBytes: 131_072,
  })
  const [{ application }] = scene.members as [Member]
  await application.received(1)
  application.reads = false
  await scene.publishers[0]?.ended
  return scene
}

describe('an application that has not read what its library holds', { concurrency: true }, () => {
  test('survives that the broker is killed, and goes on', async t => {
    const scene = await openWithUnread(t, 2000, 500)
    const [{ application }] = scene.members as [Member]
    await scene.killBroker()
    application.reads = true
    await scene.conclude({ ends: 'when all is published' })
  })

  test('survives that its connection is reset behind a PING that it has not come to, and goes on', async t => {
    const scene = await openWithUnread(t, 20, 300)
    const [{ application, proxy }] = scene.members as [Member]
    await proxy.pinged(1)
    // What the proxy has passed on has reached the library.
    await sleep(500)
    proxy.cut('rst')
    await sleep(500)
    application.reads = true
    await scene.conclude({ ends: 'when all is published' })
  })
})
