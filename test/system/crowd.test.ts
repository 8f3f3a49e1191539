import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { ManageClient } from '../bench/manage-client.ts'
import { startBroker } from './broker-process.ts'
import type { Crowd } from './crowd.ts'

test('a broker with 1,500 subscribers stops in its time', async t => {
  const broker = await startBroker(t, { shutdown_timeout: 0.5 })
  const manage = new ManageClient({ host: '127.0.0.1', port: broker.manage })
  const { p2pTopics: topics } = await manage.subscribe('stix2', 1500)
  manage.close()
  const crowd: Crowd = { pub: broker.pub, topics }
  const worker = new Worker(new URL('./crowd.js', import.meta.url), { workerData: crowd })
  // That is how it ends: the broker closes its connections.
  const ended = new Promise(resolve => worker.once('error', resolve))
  await new Promise(resolve => worker.once('message', resolve))
  let joined = 0
  await broker.logged(({ msg }) => msg.startsWith('joined') && ++joined === topics.length)
  const stopped = performance.now()
  assert.equal(await broker.stop(), 0)
  // ZeroMQ alone would take more than five seconds to close them.
  const seconds = (performance.now() - stopped) / 1000
  assert.ok(seconds < 4, `it took ${seconds} s`)
  await ended
})
