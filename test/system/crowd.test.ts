import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { ManageClient } from '../bench/manage-client.ts'
import { startBroker } from './broker-process.ts'
import type { Crowd } from './crowd.ts'

test('a broker with 1,500 subscribers stops without taking its time', async t => {
  // That is longer than the test may take.
  const broker = await startBroker(t, { shutdown_timeout: 3600 })
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
  assert.equal(await broker.stop(), 0)
  await ended
})
