/** `threatbus history export`, a process, beside a broker that runs or was stopped. */
import assert from 'node:assert/strict'
import { appendFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { startBroker } from '../system/broker-process.ts'
import { startCommand } from '../system/command-process.ts'
import { configOf, exported, historyOf, indicators, infoOf, publish } from '../system/history-process.ts'
import { indicator, receive, request, sighting } from '../system/wire.ts'

describe('threatbus history export', { concurrency: true }, () => {
  test('prints what was published byte for byte, whether the broker runs or not', async t => {
    const broker = await startBroker(t)
    const pretty = JSON.stringify(JSON.parse(indicator({ name: 'ä 💥' })), undefined, 2)
    const seen = sighting()
    const bodies = [...indicators(700), pretty, seen]
    await publish(broker.manage, bodies)
    const expected = bodies.map(body => body.replaceAll('\n', ' '))
    assert.deepEqual(await exported(t, ...configOf(broker)), expected)
    await broker.stop('SIGKILL')
    assert.deepEqual(await exported(t, '--path', historyOf(broker)), expected)
    assert.deepEqual(await exported(t, ...configOf(broker), '--type', 'sighting'), [seen])
  })

  test('prints a bundle, of no objects as well', async t => {
    const broker = await startBroker(t)
    const [empty] = await exported(t, ...configOf(broker), '--format', 'bundle')
    const { id: emptyId, ...rest } = JSON.parse(empty ?? '')
    assert.deepEqual(rest, { type: 'bundle' })
    const bodies = [...indicators(3), sighting()]
    await publish(broker.manage, bodies)
    const text = (await exported(t, ...configOf(broker), '--format', 'bundle')).join('\n')
    const { type, id, objects } = JSON.parse(text)
    assert.equal(type, 'bundle')
    for (const each of [id, emptyId]) assert.match(each, /^bundle--[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f-]{17}$/)
    assert.notEqual(id, emptyId)
    assert.deepEqual(
      objects,
      bodies.map(body => JSON.parse(body)),
    )
    for (const body of bodies) assert.ok(text.includes(body))
  })

  test('prints only what came since', async t => {
    const broker = await startBroker(t)
    await publish(broker.manage, indicators(2))
    const { newest } = await infoOf(t, ...configOf(broker))
    const sinceMs = Date.parse(newest.time) + 1
    // Messages are told apart by the millisecond in which they came.
    while (Date.now() < sinceMs) await new Promise(setImmediate)
    const late = indicators(2)
    await publish(broker.manage, late)
    assert.deepEqual(await exported(t, ...configOf(broker), '--since', new Date(sinceMs).toISOString()), late)
    assert.equal((await exported(t, ...configOf(broker), '--since', '1h')).length, 4)
    assert.deepEqual(await exported(t, ...configOf(broker), '--since', '0h'), [])
  })

  test('prints only the latest versions, without what was revoked or removed', async t => {
    const broker = await startBroker(t)
    const [kept, changed, revoked, removed] = indicators(4) as [string, string, string, string]
    const change = (body: string, over: object) =>
      JSON.stringify({ ...JSON.parse(body), modified: '2026-11-24T07:00:00.000Z', ...over })
    const later = change(changed, {})
    const changes = [later, change(revoked, { revoked: true }), change(removed, { x_threatbus_update: 'REMOVE' })]
    const seen = sighting()
    await publish(broker.manage, [kept, changed, revoked, removed, seen, ...changes])
    assert.deepEqual(await exported(t, ...configOf(broker), '--latest'), [kept, seen, later])
    assert.deepEqual(await exported(t, ...configOf(broker), '--latest', '--type', 'indicator'), [kept, later])
    assert.equal((await exported(t, ...configOf(broker))).length, 8)
  })

  test('leaves out what is not for everyone', async t => {
    const broker = await startBroker(t)
    const own = indicator()
    await publish(broker.manage, [own])
    const application = await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const heard = receive(t, broker.pub, application.topic)
    await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    await heard.received(1)
    // What was published with a receipt is on disk, and so is what came before it.
    const next = indicator()
    await publish(broker.manage, [next])
    assert.deepEqual(await exported(t, ...configOf(broker)), [own, next])
    const info = await infoOf(t, ...configOf(broker))
    assert.deepEqual([info.messages, info.others], [{ indicator: 2, sighting: 0 }, 1])
  })

  test('has whole objects in order, as many as there were, while the broker writes and deletes', async t => {
    const broker = await startBroker(t, { history: { max_bytes: 16_777_216 } })
    const description = 'x'.repeat(2000)
    let serial = 0
    let enough = false
    const writing = async () => {
      // More than is kept, so that segments are begun and deleted all the time.
      while (!enough || serial < 20_000) {
        const bodies = Array.from({ length: 500 }, () => indicator({ x_serial: serial++, description }))
        assert.equal((await publish(broker.manage, bodies)).status, 'success')
      }
    }
    const written = writing()
    for (let round = 0; round < 4; round++) {
      const atLeast = serial - 500
      const lines = await exported(t, ...configOf(broker))
      const serials = lines.map(line => JSON.parse(line).x_serial as number)
      for (const [index, each] of serials.entries()) assert.equal(each, (serials[0] ?? 0) + index)
      assert.ok((serials.at(-1) ?? -1) >= atLeast - 1, `${serials.at(-1)} of ${atLeast}`)
    }
    enough = true
    await written
    const { bytes, segments } = await infoOf(t, ...configOf(broker))
    assert.ok(bytes < 20_000_000 && segments > 1, `${bytes} bytes in ${segments} segments`)
  })

  test('ends at what a crash left half-written, and changes nothing', async t => {
    const broker = await startBroker(t)
    const bodies = indicators(5)
    await publish(broker.manage, bodies)
    await broker.stop('SIGKILL')
    const segment = readdirSync(historyOf(broker)).find(name => name.endsWith('.log')) ?? ''
    appendFileSync(join(historyOf(broker), segment), Buffer.alloc(100, 1))
    const before = readdirSync(historyOf(broker)).sort()
    assert.deepEqual(await exported(t, ...configOf(broker)), bodies)
    assert.deepEqual(readdirSync(historyOf(broker)).sort(), before)
  })

  test('ends quietly when nobody reads its output any more', async t => {
    const broker = await startBroker(t)
    for (let list = 0; list < 5; list++)
      await publish(broker.manage, indicators(500, { description: 'x'.repeat(2000) }))
    const command = startCommand(t, 'history', 'export', ...configOf(broker))
    await command.printed(1)
    command.hangUp()
    const { code, stderr } = await command.ended
    assert.deepEqual([code, stderr], [0, ''])
  })
})
