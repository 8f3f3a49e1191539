// A broker in this process, with a log that fails when it should say something: so does the actor that it is told by.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import pino from 'pino'
import { startBroker } from '../../src/broker.ts'
import { configSchema } from '../../src/config/schema.ts'
import { History } from '../../src/history/history.ts'
import type { StoredSubscription } from '../../src/history/stored-subscription.ts'
import { subscription } from '../history/subscription-arbitraries.ts'
import type { LogLine } from './log-lines.ts'
import { inspectorOf, scrape } from './monitored.ts'
import { receive, request } from './wire.ts'

/** Starts a broker that finds these subscriptions. `fails` is asked of each line of its log. */
async function start(
  t: TestContext,
  fails: (line: LogLine) => boolean,
  left: readonly StoredSubscription[] = [],
  settings: object = {},
) {
  const log: LogLine[] = []
  const waiting = new Set<() => void>()
  const write = (text: string) => {
    const line: LogLine = JSON.parse(text)
    if (fails(line)) throw new Error('the log is broken')
    log.push(line)
    for (const look of waiting) look()
  }
  const logger = pino({ formatters: { level: level => ({ level }) } }, { write })
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
  const ports = { manage: 0, pub: 0, sub: 0 }
  const config = configSchema.parse({ plugins: { apps: { zmq: ports } }, inspector: { enabled: false }, ...settings })
  const history = await History.open(directory, config.history, logger)
  for (const record of left) history.subscriptions.put(record)
  const broker = startBroker(config, logger, history)
  t.after(async () => {
    broker.stop()
    await broker.stopped
    rmSync(directory, { recursive: true })
  })
  const logged = (matches: (line: LogLine) => boolean) =>
    new Promise<LogLine>(resolve => {
      const look = () => {
        const line = log.find(matches)
        if (line === undefined) return
        waiting.delete(look)
        resolve(line)
      }
      waiting.add(look)
      look()
    })
  return { ...(await broker.serving), logged }
}

describe('an actor that fails', { concurrency: true }, () => {
  test('is the only one that is forgotten, whoever looks like it', async t => {
    // The p2p topics of these are alike but for the last letter.
    const [failing, healthy] = [1, 2].map(number => ({ ...subscription(number, 1), exchanges: [] }))
    assert.ok(failing && healthy)
    let joined = 0
    const { manage, pub, logged } = await start(t, ({ msg }) => msg === 'back' && ++joined === 1, [failing, healthy])
    receive(t, pub, failing.topic)
    const { level, actor } = await logged(({ msg }) => msg.startsWith('an actor failed'))
    assert.deepEqual([level, actor], ['error', `subscriber.${failing.topic.slice(0, 6)}…`])
    const heartbeat = (topic: string) => request(manage, { action: 'heartbeat', topic })
    assert.equal((await heartbeat(failing.topic)).status, 'error')
    assert.equal((await heartbeat(healthy.topic)).status, 'success')
    receive(t, pub, healthy.topic)
    await logged(({ msg }) => msg === 'back')
  })

  test('as it ends a snapshot does not keep the subscriber that asked from going on', async t => {
    const settings = { snapshot: { answer_timeout: 0.1 }, inspector: { port: 0 } }
    const broker = await start(t, ({ outcome }) => outcome === 'nobody_answered', [], settings)
    await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2', snapshot: 1 })
    receive(t, broker.pub, topic)
    await broker.logged(({ msg }) => msg.startsWith('joined'))
    const { actor } = await broker.logged(({ msg }) => msg.startsWith('an actor failed'))
    assert.match(String(actor), /^snapshot\./)
    const values = await scrape(await inspectorOf(broker))
    assert.equal(values.get('threatbus_subscribers{state="live"}'), 1)
    assert.equal(values.get('threatbus_snapshots_open'), 0)
    assert.equal(values.get('threatbus_snapshots_closed_total{outcome="nobody_answered"}'), 1)
    assert.equal(values.get('threatbus_snapshots_closed_total{outcome="failed"}'), 0)
  })
})
