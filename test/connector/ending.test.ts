// An operator ends the connector, and starts it again.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { standInVast } from '../fixtures/stand-in-vast.ts'
import { startBrokerHere } from '../system/broker-here.ts'
import { startBroker } from '../system/broker-process.ts'
import { event, indicator, platform, removed } from './applications.ts'
import { childrenOf, isAttached, startConnector } from './connector-process.ts'

const address = '10.1.2.3'
const events = [event(1, { src_ip: address })]
const about = () => indicator(`[ipv4-addr:value = '${address}']`)

/** Is the process there, and more than a zombie? */
function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('a connector that is told to end', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`by ${signal} lets queries end, sends what they found, unsubscribes and exits with 0`, async t => {
      const vast = standInVast(t, { events })
      vast.order('hang', 'export')
      const broker = await startBrokerHere(t)
      const { bus, until } = await platform(t, broker)
      const connector = startConnector(t, broker, vast, { live_match: true, matcher_name: 'm' })
      await bus.publish(about())
      await vast.until(({ callsOf }) => callsOf('export').length === 1 && callsOf('matcher attach').length === 1)
      const ended = connector.stop(signal)
      await connector.logged(({ msg }) => msg.startsWith('stopping: '))
      vast.order('serve')
      assert.equal(await ended, 0)
      await until(({ length }) => length >= 1)
      await broker.logged(({ msg }) => msg.startsWith('unsubscribed'))
      assert.equal(connector.log.at(-1)?.sightings, 1)
    })
  }

  test('kills what still runs at the deadline, so that nothing is left of it', async t => {
    const vast = standInVast(t, { events })
    vast.order('stubborn', 'export', 'matcher attach')
    const broker = await startBrokerHere(t)
    const { bus } = await platform(t, broker)
    const settings = { live_match: true, matcher_name: 'm', shutdown_timeout: 0.2, kill_grace: 0.1 }
    const connector = startConnector(t, broker, vast, settings)
    await bus.publish(about())
    await vast.until(({ callsOf }) => callsOf('export').length === 1 && callsOf('matcher attach').length === 1)
    // The call that told the live matcher of the value may still be ending.
    while (childrenOf(connector.process).length !== 2) await new Promise(resolve => setTimeout(resolve, 10))
    const children = childrenOf(connector.process)
    assert.equal(await connector.stop(), 0)
    assert.deepEqual(children.filter(isRunning), [])
    assert.equal(connector.log.at(-1)?.unmatched, 1)
  })

  test('twice ends at once, and so does all that it started', async t => {
    const vast = standInVast(t, { events })
    vast.order('stubborn', 'matcher attach')
    const broker = await startBrokerHere(t)
    const connector = startConnector(t, broker, vast, { live_match: true, matcher_name: 'm' })
    await vast.until(({ callsOf }) => callsOf('matcher attach').length === 1)
    const children = childrenOf(connector.process)
    connector.process.kill('SIGTERM')
    await connector.logged(({ msg }) => msg.startsWith('stopping'))
    assert.equal(await connector.stop('SIGTERM'), 143)
    while (children.some(isRunning)) await new Promise(resolve => setTimeout(resolve, 10))
  })

  test('goes on where it was, if it has a state: what was not matched is, and no history is needed', async t => {
    const vast = standInVast(t, { events })
    vast.order('hang', 'export')
    const broker = await startBrokerHere(t)
    const { bus, until } = await platform(t, broker)
    const settings = { state: 'waiting', snapshot: 0, max_background_tasks: 1, shutdown_timeout: 0.1 }
    const former = startConnector(t, broker, vast, settings)
    await former.logged(({ msg }) => msg.startsWith('subscribed'))
    const indicators = [about(), about(), about()]
    await Promise.all(indicators.map(each => bus.publish(each)))
    const file = join(former.directory, 'waiting')
    while (readFileSync(file, 'utf8').split('\n').length <= 3) await new Promise(resolve => setTimeout(resolve, 10))
    await vast.until(({ callsOf }) => callsOf('export').length === 1)
    await former.stop('SIGKILL')
    const next = startConnector(t, broker, vast, settings, former)
    await vast.until(({ callsOf }) => callsOf('export').length === 2)
    assert.equal(await next.stop(), 0)
    vast.order('serve')
    startConnector(t, broker, vast, settings, next)
    const sightings = await until(({ length }) => length >= 3)
    assert.deepEqual(
      new Set(sightings.map(sighting => sighting.sighting_of_ref)),
      new Set(indicators.map(({ id }) => id)),
    )
  })

  test('while the bus is away keeps its sightings, if it has a state', async t => {
    const vast = standInVast(t, { events })
    vast.order('hang', 'export')
    const broker = await startBroker(t)
    const { bus, until } = await platform(t, broker)
    const settings = { state: 'waiting', flush_timeout: 0.1 }
    const former = startConnector(t, broker, vast, settings)
    await bus.publish(about())
    await vast.until(({ callsOf }) => callsOf('export').length === 1)
    await broker.stop('SIGKILL')
    vast.order('serve')
    await vast.until(({ calls }) => calls.some(({ what, verb }) => what === 'ended' && verb === 'export'))
    assert.equal(await former.stop(), 0)
    assert.ok(former.log.some(({ msg, sightings }) => msg.startsWith('what waits is kept') && sightings === 1))
    vast.goAway()
    const next = await startBroker(t, {}, broker)
    startConnector(t, next, vast, { ...settings, snapshot: 0 }, former)
    await until(({ length }) => length >= 1)
  })

  test('and was away when an indicator was removed, makes the live matcher forget it, if it has a state', async t => {
    const vast = standInVast(t)
    const broker = await startBrokerHere(t)
    const { bus, until, sightings } = await platform(t, broker)
    const settings = { state: 'waiting', live_match: true, matcher_name: 'm', retro_match: false }
    const former = startConnector(t, broker, vast, settings)
    const [gone, kept] = [about(), indicator("[ipv4-addr:value = '10.9.9.9']")]
    await bus.publish(gone)
    await bus.publish(kept)
    await vast.until(({ contentOf }) => contentOf('m').size === 2)
    await former.stop('SIGKILL')
    await bus.publish(removed(gone))
    const next = startConnector(t, broker, vast, settings, former)
    // What was removed is taken out, and the rest is added again, in whichever order: that it is so comes to stay.
    await vast.until(({ calls, contentOf }) => {
      const ended = (verb: string) => calls.filter(call => call.what === 'ended' && call.verb === verb).length
      const isDone = ended('matcher add') >= 3 && ended('matcher remove') >= 1 && contentOf('m').size === 1
      return isDone && isAttached(vast, next)
    })
    assert.deepEqual([...vast.contentOf('m').keys()], ['10.9.9.9'])
    vast.feed(...events, event(2, { src_ip: '10.9.9.9' }))
    await until(({ length }) => length >= 1)
    assert.deepEqual(
      sightings.map(sighting => sighting.sighting_of_ref),
      [kept.id],
    )
  })
})
