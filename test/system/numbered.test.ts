/** Bare sockets ↔ the broker, a process: what says its number, and what begins in the past. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Subscriber } from 'zeromq'
import { startBrokerHere } from './broker-here.ts'
import { startBroker } from './broker-process.ts'
import { indicator, request, sighting } from './wire.ts'

const publish = (port: number, ...bodies: readonly string[]) =>
  request(port, `{"action":"publish","topic":"stix2/","message":[${bodies.join()}]}`)

/** Joins a p2p topic, and reads so many messages at a time, in all their parts. */
function join(t: TestContext, port: number, topic: string) {
  const socket = new Subscriber({ linger: 0 })
  t.after(() => socket.close())
  socket.connect(`tcp://127.0.0.1:${port}`)
  socket.subscribe(topic)
  return async (count: number) => {
    const messages: string[][] = []
    while (messages.length < count) messages.push((await socket.receive()).map(String))
    return messages
  }
}

describe('a subscriber that asks for numbers', { concurrency: true }, () => {
  test('gets each message with its number and time in a second part, also from a broker that was killed; others do not', async t => {
    const beganMs = Date.now()
    const broker = await startBroker(t)
    const asks = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', numbered: true })
    const other = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator' })
    assert.deepEqual([asks.numbered, asks.from, 'numbered' in other, 'from' in other], [true, 1, false, false])
    const bodies = [indicator(), sighting(), indicator()]
    await publish(broker.manage, ...bodies)
    const expected = [bodies[0], bodies[2]]
    const read = join(t, broker.pub, asks.topic)
    const messages = await read(2)
    assert.deepEqual(
      messages.map(([frame]) => frame),
      expected.map(body => `${asks.topic}indicator ${body}`),
    )
    const numbers = messages.map(([, number]) => JSON.parse(String(number)))
    assert.deepEqual(
      numbers.map(({ sequence }) => sequence),
      [1, 3],
    )
    for (const { accepted } of numbers) assert.ok(accepted >= beganMs && accepted <= Date.now(), accepted)
    assert.deepEqual(
      await join(t, broker.pub, other.topic)(2),
      expected.map(body => [`${other.topic}indicator ${body}`]),
    )

    await broker.stop('SIGTERM')
    const next = await startBroker(t, {}, broker)
    const body = indicator()
    await publish(next.manage, body)
    const [[frame, number] = []] = await read(1)
    assert.deepEqual([frame, JSON.parse(String(number)).sequence], [`${asks.topic}indicator ${body}`, 4])
  })

  test('learns that a broker without a history has none, as does who wants to begin in the past', async t => {
    const broker = await startBroker(t, { history: { enabled: false } })
    for (const asked of [{ numbered: true }, { since: 1 }]) {
      const { status, history } = await request(broker.manage, { action: 'subscribe', topic: 'stix2', ...asked })
      assert.deepEqual([status, history], ['error', false])
    }
  })
})

describe('a subscription that begins in the past', { concurrency: true }, () => {
  test('has every message since, of its types, behind a number or from a time on, and then what is live', async t => {
    const broker = await startBrokerHere(t)
    const bodies = Array.from({ length: 20 }, (_, n) => (n % 4 === 3 ? sighting({ n }) : indicator({ n })))
    for (const body of bodies) await publish(broker.manage, body)
    const subscribe = (asked: object) =>
      request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', numbered: true, ...asked })
    const indicatorsFrom = (sequence: number) => bodies.slice(sequence - 1).filter(body => /"indicator"/.test(body))
    const all = await subscribe({ since: 0 })
    const everything = await join(t, broker.pub, all.topic)(15)
    const accepted = everything.map(([, number]) => JSON.parse(String(number)))
    // Several may be accepted in one millisecond.
    const { accepted: atMs } = accepted[7]
    const firstThen = accepted.find(each => each.accepted === atMs).sequence
    for (const [since, from, first] of [
      [0, 1, 1],
      [7, 8, 9],
      [new Date(atMs).toISOString(), 1, firstThen],
      ['2020-01-01T00:00:00Z', 1, 1],
    ] as const) {
      const reply = await subscribe({ since })
      assert.deepEqual([reply.status, reply.from], ['success', from], `${since}`)
      const live = indicator()
      await publish(broker.manage, live)
      const expected = [...indicatorsFrom(first), live]
      const read = await join(t, broker.pub, reply.topic)(expected.length)
      assert.deepEqual(
        read.map(([frame]) => frame),
        expected.map(body => `${reply.topic}indicator ${body}`),
        `${since}`,
      )
      await request(broker.manage, { action: 'unsubscribe', topic: reply.topic })
      bodies.push(live)
    }
    const { from } = await subscribe({ since: 1_000_000 })
    assert.equal(from, bodies.length + 1, 'what is not there yet is not waited for')
  })

  test('goes on where it was when the broker was killed in between', async t => {
    const broker = await startBroker(t)
    const bodies = Array.from({ length: 50 }, () => indicator())
    await publish(broker.manage, ...bodies)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2', since: 10 })
    await broker.stop('SIGKILL')
    const next = await startBroker(t, {}, broker)
    const frames = await join(t, next.pub, topic)(40)
    assert.deepEqual(
      frames,
      bodies.slice(10).map(body => [`${topic}indicator ${body}`]),
    )
  })
})
