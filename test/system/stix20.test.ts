/** Objects of STIX 2.0 on their way: refused by a broker, upgraded by one, or upgraded before they get there. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type BusEvent, connect, InvalidMessageError } from '../../src/index.ts'
import { startBroker } from './broker-process.ts'
import { runCommand, temporaryFile } from './command-process.ts'
import { configOf, exported, temporaryDirectory } from './history-process.ts'
import { get, inspectorOf, scrape } from './monitored.ts'
import { StandInBus } from './stand-in-bus.ts'
import { indicator, publisher, receive, request, sighting } from './wire.ts'

const old = { spec_version: undefined, pattern_type: undefined, pattern_version: undefined }
const labels = ['malicious-activity', 'tlp:white']
const indicator20 = (over: object = {}) => indicator({ ...old, labels, ...over })
const sighting20 = (over: object = {}) => sighting({ spec_version: '2.0', ...over })

/** What is heard of an object of STIX 2.0. */
function upgradedFrom(text: string): object {
  const { labels: _, ...object } = JSON.parse(text)
  if (object.type === 'sighting') return { ...object, spec_version: '2.1' }
  const types = { indicator_types: ['malicious-activity'], labels: ['tlp:white'] }
  return { ...object, ...types, spec_version: '2.1', pattern_type: 'stix', pattern_version: '2.1' }
}

describe('STIX 2.0', { concurrency: true }, () => {
  test('is upgraded by a broker that is to, however it comes, kept and delivered so, and counted', async t => {
    // publisher ── sub: small, large, wrong; manage: a list, an all-or-nothing list ─▶ broker ─▶ subscriber
    const broker = await startBroker(t, { stix20: 'upgrade', inspector: { port: 0 } })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const receiver = receive(t, broker.pub, topic)
    const [small, large] = [indicator20(), indicator20({ x_text: 'x'.repeat(100_000) })]
    const { send } = await publisher(t, broker.sub)
    for (const body of [small, large, indicator20({ pattern: '[' }), indicator()]) await send(`stix2/indicator ${body}`)
    await receiver.received(3)
    const publish = (...message: string[]) =>
      request(broker.manage, `{"action":"publish","topic":"stix2/","message":[${message.join()}]}`)
    const seen = [sighting20(), indicator20({ x_text: 'x'.repeat(100_000) })] as const
    assert.equal((await publish(...seen)).sequence, 5)
    const refused = await publish(sighting20(), sighting20({ count: -1 }))
    assert.match(
      String(refused.reason),
      /^message 1 was refused \(invalid_property\): upgraded from STIX 2.0: count must/,
    )

    const bodies = (await receiver.received(5)).map(frame => JSON.parse(frame.slice(frame.indexOf('{'))))
    const others = [small, large, ...seen].map(upgradedFrom)
    assert.deepEqual(bodies.toSpliced(2, 1), others)
    assert.deepEqual((await exported(t, ...configOf(broker))).map(line => JSON.parse(line)).toSpliced(2, 1), others)
    const url = await inspectorOf(broker)
    assert.equal((await scrape(url)).get('threatbus_messages_upgraded_total'), 4)
    assert.equal(JSON.parse((await get(url, '/status')).text).messages.upgraded, 4)
  })

  test('is upgraded by the commands if they are told, counted, and imported so; else they say how', async t => {
    const directory = join(temporaryDirectory(t), 'history')
    const bus = await StandInBus.start()
    t.after(() => bus.stop())
    const [one, two, plain] = [indicator20(), sighting20(), indicator()]
    const bundle = `{"type":"bundle","spec_version":"2.0","objects":[${one},\n${two},\n${plain},\n${indicator20({ valid_from: 'x' })}]}`
    const file = temporaryFile(t, 'bundle.json', bundle)
    const commands = [
      ['publish', '--endpoint', bus.endpoint],
      ['history', 'import', '--path', directory],
    ]
    for (const command of commands) {
      const told = await runCommand(t, [...command, '--upgrade', file])
      assert.match(told.stderr, /:4: \.objects\[3\], indicator--[\w-]+: upgraded from STIX 2.0: valid_from must be/)
      assert.match(told.stderr, /(published|imported) 3 \(indicator 2, sighting 1\), skipped 0, refused 1\n/)
      assert.match(told.stderr, /threatbus: 2 of those (published|imported) were STIX 2.0, and upgraded to STIX 2.1\n/)
    }
    await bus.until(() => bus.received.length === 3)
    const text = (heard: string) => heard.slice(heard.indexOf('{'))
    const [first, second, third] = bus.received.map(text) as [string, string, string]
    const { pattern_version: _, ...sent } = upgradedFrom(one) as Record<string, unknown>
    assert.deepEqual([JSON.parse(first), JSON.parse(second), third], [sent, upgradedFrom(two), plain])
    const kept = await exported(t, '--path', directory)
    assert.deepEqual(
      [...kept.slice(0, 2).map(line => JSON.parse(line)), kept[2]],
      [...[one, two].map(upgradedFrom), plain],
    )

    const refused = await runCommand(t, ['publish', '--endpoint', bus.endpoint, file])
    assert.match(
      refused.stderr,
      /:1: \.objects\[0\], indicator--[\w-]+: spec_version must be .+; it is STIX 2.0: .+ --upgrade/,
    )
    assert.match(refused.stderr, /threatbus: published 1 \(indicator 1\), skipped 0, refused 3\n/)
    assert.doesNotMatch(refused.stderr, /were STIX 2.0/)
  })

  test('is imported upgraded if the broker of that history upgrades it', async t => {
    const directory = temporaryDirectory(t)
    const config = temporaryFile(t, 'config.yaml', `stix20: upgrade\nhistory:\n  path: ${join(directory, 'history')}\n`)
    const body = indicator20()
    const { stderr } = await runCommand(t, ['history', 'import', '--config', config, '-'], body)
    assert.match(stderr, /1 of those imported were STIX 2.0/)
    assert.deepEqual(
      (await exported(t, '--config', config)).map(line => JSON.parse(line)),
      [upgradedFrom(body)],
    )
  })

  test('is upgraded by an application that is to, and it is told; else the bus has the word', async t => {
    const broker = await startBroker(t)
    const events: BusEvent[] = []
    const upgrading = connect({
      endpoint: `127.0.0.1:${broker.manage}`,
      upgradeStix20: true,
      onEvent: event => events.push(event),
    })
    const plain = connect({ endpoint: `127.0.0.1:${broker.manage}` })
    t.after(() => Promise.all([upgrading.close(), plain.close()]))
    const body = indicator20()
    await assert.rejects(plain.publish(body), (error: unknown) => {
      return error instanceof InvalidMessageError && /it is STIX 2.0: .+upgradeStix20/.test(error.message)
    })
    await upgrading.publish(body)
    await upgrading.publish(indicator())
    await assert.rejects(upgrading.publish(sighting20({ sighting_of_ref: 'x' })), InvalidMessageError)
    const [kept, whole] = await exported(t, ...configOf(broker))
    assert.deepEqual(JSON.parse(kept ?? ''), upgradedFrom(body))
    assert.ok(whole)
    const { id } = JSON.parse(body)
    const told = events.filter(({ event }) => event === 'stix20_upgraded')
    assert.deepEqual(told[0], { event: 'stix20_upgraded', type: 'indicator', id })
    assert.equal(told.length, 2)
  })
})
