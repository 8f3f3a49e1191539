import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startBroker } from './broker-process.ts'
import { indicator, publisher, receive, request, sighting } from './wire.ts'

/** The JSON after the TYPE of a frame. */
const bodyOf = (frame: string | undefined) => JSON.parse(String(frame).slice(String(frame).indexOf(' ') + 1))

describe('a subscription with a snapshot', { concurrency: true }, () => {
  test('asks every other subscriber, whatever its topics, and gets their envelopes alone', async t => {
    //            ┌─ snapshotrequest ─▶ application (subscribed to sightings)
    // asker ─▶ broker ◀─ snapshotenvelope ─┘
    //    ◀── body ──┘                            bystander hears the request, not the answer
    const broker = await startBroker(t)
    const application = await request(broker.manage, { action: 'subscribe', topic: 'stix2/sighting' })
    const bystander = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator' })
    const heard = receive(t, broker.pub, application.topic)
    const heardByBystander = receive(t, broker.pub, bystander.topic)
    const asker = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: '5' })
    const answers = receive(t, broker.pub, asker.topic)

    const [frame] = await heard.received(1)
    assert.ok(frame?.startsWith(`${application.topic}snapshotrequest `))
    const { snapshot_id, ...rest } = bodyOf(frame)
    assert.deepEqual(rest, { type: 'snapshotrequest', snapshot_type: 1, snapshot: 432_000 })
    assert.match(snapshot_id, /^[0-9a-f-]{36}$/)
    assert.equal(bodyOf((await heardByBystander.received(1))[0]).snapshot_id, snapshot_id)

    const { send } = await publisher(t, broker.sub)
    const bodies = [indicator({ name: 'old' }), sighting()].map(body => body.replace('{', '{ "x_n": 1.0, '))
    for (const body of bodies) {
      const envelope = `{"type":"snapshotenvelope","snapshot_type":1,"snapshot_id":"${snapshot_id}","body": ${body} }`
      await send(`threatbus/snapshotenvelope ${envelope}`)
    }
    const live = indicator()
    await send(`stix2/indicator ${live}`)
    assert.deepEqual(
      [...(await answers.received(3))].sort(),
      [`indicator ${bodies[0]}`, `sighting ${bodies[1]}`, `indicator ${live}`].map(each => asker.topic + each).sort(),
    )
    assert.deepEqual((await heardByBystander.received(2)).slice(1), [`${bystander.topic}indicator ${live}`])
    assert.equal(heard.frames.length, 1)
  })

  test('gets an object that two applications answer with once, and each of its versions', async t => {
    const broker = await startBroker(t)
    const application = await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const heard = receive(t, broker.pub, application.topic)
    const asker = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    const answers = receive(t, broker.pub, asker.topic)
    const { snapshot_id } = bodyOf((await heard.received(1))[0])
    const first = indicator()
    const second = JSON.stringify({ ...JSON.parse(first), modified: '2026-11-24T07:00:00.000Z' })
    const last = indicator()
    const { send } = await publisher(t, broker.sub)
    for (const body of [first, second, first, second, last]) {
      const envelope = `{"type":"snapshotenvelope","snapshot_type":1,"snapshot_id":"${snapshot_id}","body":${body}}`
      await send(`threatbus/snapshotenvelope ${envelope}`)
    }
    assert.deepEqual(
      await answers.received(3),
      [first, second, last].map(body => `${asker.topic}indicator ${body}`),
    )
  })

  test('asks once for each type that any of its topics covers, all under one id', async t => {
    const broker = await startBroker(t)
    const application = await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const heard = receive(t, broker.pub, application.topic)
    const many = [...Array(64).fill('stix2'), 'stix2/sighting', 'stix2/ind', 'x']
    for (const topic of [many, ['stix2/sighting', 'stix2/indicator'], ['stix2/sighting', 'stix2/sighting']]) {
      await request(broker.manage, { action: 'subscribe', topic, snapshot: 1 })
    }
    await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 2 })
    const requests = (await heard.received(6)).map(bodyOf)
    assert.deepEqual(
      requests.map(({ snapshot_type }) => snapshot_type),
      [1, 2, 1, 2, 2, 1],
    )
    const ids = requests.map(({ snapshot_id }) => snapshot_id)
    assert.deepEqual([ids[0], ids[2]], [ids[1], ids[3]])
    assert.equal(new Set(ids).size, 4)
  })

  test('gets exactly what was published before it, and then what came since, however many ask meanwhile', async t => {
    // publisher ─▶ broker ◀─ 30 subscribers, each after a few messages more; then all of them read at once
    const broker = await startBroker(t)
    const versions: {
      readonly id: string
      readonly modified: string
      readonly revoked: boolean
      readonly body: string
    }[] = []
    const publish = async () => {
      const at = versions.length
      const id = `indicator--${String((at * 7) % 12).padStart(8, '0')}-0000-4000-8000-00000000000a`
      // They do not come in the order in which they were modified.
      const modified = `2026-11-24T07:00:${String((at * 5) % 37).padStart(2, '0')}.000Z`
      const revoked = at % 5 === 4
      const body = indicator({ id, modified, revoked, name: String(at) })
      versions.push({ id, modified, revoked, body })
      const reply = await request(broker.manage, {
        action: 'publish',
        topic: 'stix2/indicator',
        message: JSON.parse(body),
      })
      assert.equal(reply.status, 'success')
    }
    for (let messages = 0; messages < 20; messages++) await publish()
    const subscribed: { readonly topic: string; readonly before: number }[] = []
    for (let subscribers = 0; subscribers < 30; subscribers++) {
      const wish = { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 + (subscribers % 3) }
      const { topic } = await request(broker.manage, wish)
      subscribed.push({ topic, before: versions.length })
      for (let messages = subscribers % 4; messages > 0; messages--) await publish()
    }
    const read = async ({ topic, before }: (typeof subscribed)[number]) => {
      const latest = new Map<string, (typeof versions)[number]>()
      for (const version of versions.slice(0, before)) {
        if (version.modified >= (latest.get(version.id)?.modified ?? '')) latest.set(version.id, version)
      }
      const snapshot = versions.slice(0, before).filter(each => latest.get(each.id) === each && !each.revoked)
      const expected = [...snapshot, ...versions.slice(before)].map(({ body }) => `${topic}indicator ${body}`)
      const receiver = receive(t, broker.pub, topic)
      const indicators = () => receiver.frames.filter(frame => frame.startsWith(`${topic}indicator`))
      for (let frames = expected.length; indicators().length < expected.length; frames++)
        await receiver.received(frames)
      assert.deepEqual(indicators(), expected)
    }
    await Promise.all(subscribed.map(read))
  })

  test('never asks the requester itself, and is complete at once when there is nobody to ask', async t => {
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2', snapshot: 1 })
    const receiver = receive(t, broker.pub, topic)
    await broker.logged(({ outcome }) => outcome === 'nobody_asked')
    const { send } = await publisher(t, broker.sub)
    const body = indicator()
    await send(`stix2/indicator ${body}`)
    assert.deepEqual(await receiver.received(1), [`${topic}indicator ${body}`])
  })

  test('is not disturbed by envelopes of unknown snapshots, of any shape, or for a requester that left', async t => {
    const broker = await startBroker(t)
    const application = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator' })
    const heard = receive(t, broker.pub, application.topic)
    const leaver = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    const { snapshot_id } = bodyOf((await heard.received(1))[0])
    await request(broker.manage, { action: 'unsubscribe', topic: leaver.topic })
    await broker.logged(({ outcome }) => outcome === 'requester_left')

    const { send } = await publisher(t, broker.sub)
    const envelope = { type: 'snapshotenvelope', snapshot_type: 1, snapshot_id, body: JSON.parse(indicator()) }
    const envelopes = [
      envelope,
      { ...envelope, snapshot_id: 'unknown' },
      { ...envelope, snapshot_id: [snapshot_id] },
      { ...envelope, snapshot_id: null },
      { ...envelope, snapshot_type: 3 },
      { ...envelope, body: [] },
      { ...envelope, body: { type: 'malware' } },
      { ...envelope, type: 'indicator' },
      [],
      null,
    ]
    for (const each of envelopes) await send(`threatbus/snapshotenvelope ${JSON.stringify(each)}`)
    const body = indicator()
    await send(`stix2/indicator ${body}`)
    assert.deepEqual((await heard.received(2)).slice(1), [`${application.topic}indicator ${body}`])
    await broker.logged(({ reason }) => reason === 'unknown_snapshot')
    await broker.logged(({ reason }) => reason === 'malformed_envelope')
  })

  test('is still open when the broker was killed twice, the second time before anybody was back', async t => {
    let broker = await startBroker(t)
    const application = await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const heard = receive(t, broker.pub, application.topic)
    const asker = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    const { snapshot_id } = bodyOf((await heard.received(1))[0])
    heard.close()
    for (let kills = 0; kills < 2; kills++) {
      await broker.stop('SIGKILL')
      broker = await startBroker(t, {}, broker)
    }
    const { send } = await publisher(t, broker.sub)
    const body = indicator()
    const envelope = `{"type":"snapshotenvelope","snapshot_type":1,"snapshot_id":"${snapshot_id}","body":${body}}`
    await send(`threatbus/snapshotenvelope ${envelope}`)
    assert.deepEqual(await receive(t, broker.pub, asker.topic).received(1), [`${asker.topic}indicator ${body}`])
  })

  test('expires when nobody answers, and is complete when no more envelopes come', async t => {
    const broker = await startBroker(t, { snapshot: { answer_timeout: 1, quiet_timeout: 0.1 } })
    const application = await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const heard = receive(t, broker.pub, application.topic)
    const { send } = await publisher(t, broker.sub)
    await request(broker.manage, { action: 'subscribe', topic: 'stix2/sighting', snapshot: 1 })
    await broker.logged(({ outcome }) => outcome === 'nobody_answered')
    await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    const { snapshot_id } = bodyOf((await heard.received(2))[1])
    const body = JSON.parse(indicator())
    const envelope = { type: 'snapshotenvelope', snapshot_type: 1, snapshot_id, body }
    await send(`threatbus/snapshotenvelope ${JSON.stringify(envelope)}`)
    await broker.logged(({ outcome }) => outcome === 'complete')
  })
})
