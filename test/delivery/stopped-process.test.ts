/** a publisher → broker → a proxy → an application whose process is stopped: its system goes on */
import { test } from 'node:test'
import type { Application } from './applications.ts'
import type { CuttingProxy } from './cutting-proxy.ts'
import { Scene } from './scene.ts'

test('a process that is stopped while nothing is under way is found, and goes on when it goes on', async t => {
  const scene = await Scene.open(t, {
    processes: [[{ kind: 'plain' }]],
    publishers: [{ way: 'sub', bytes: 500, burst: 20, pauseMs: 0, count: 20 }],
    // In this time it is to be found (in seconds).
    settings: { heartbeat: { timeout: 2 } },
  })
  const [application] = scene.applications as [Application]
  const [proxy] = scene.proxies as [CuttingProxy]
  await application.received(20)
  // One may have been sent before the last message. A second one says that everything has arrived.
  await proxy.ponged(proxy.pongs + 2)
  application.process.kill('SIGSTOP')
  await scene.broker.logged(({ reason }) => reason === 'disconnected')
  application.process.kill('SIGCONT')
  await scene.conclude({ ends: 'when all is published' })
})
