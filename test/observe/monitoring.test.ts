// A real broker, real traffic, and what monitoring sees of it over HTTP.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Subscriber } from 'zeromq'
import { commandOf, greetingOf, raw, readyOf } from '../sockets/broker-endpoint.ts'
import { startBroker } from '../system/broker-process.ts'
import { runCommand, temporaryFile } from '../system/command-process.ts'
import { get, inspectorOf, scrape } from '../system/monitored.ts'
import { indicator, publisher, receive, request, sighting } from '../system/wire.ts'

const watched = { inspector: { port: 0 } }
const token = 'a-token-of-many-characters'

describe('monitoring', { concurrency: true }, () => {
  test('metrics and status tell exactly what was accepted, refused, delivered and asked', async t => {
    // publisher ── 30 indicators, 10 sightings, 3 × nonsense ─▶ broker ─▶ two subscribers; one eavesdropper
    const broker = await startBroker(t, { ...watched, max_topics: 2, max_subscribers: 3 })
    const url = await inspectorOf(broker)
    const one = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator' })
    const both = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const [first, second] = [receive(t, broker.pub, one.topic), receive(t, broker.pub, both.topic)]
    const joined = (topic: string) =>
      broker.logged(({ msg, subscriber }) => msg.startsWith('joined') && subscriber === `${topic.slice(0, 6)}…`)
    await Promise.all([joined(one.topic), joined(both.topic)])
    receive(t, broker.pub, '')
    await broker.logged(({ msg }) => msg.startsWith('a peer on pub was refused'))

    // The one that has not joined gives way.
    assert.equal((await request(broker.manage, { action: 'subscribe', topic: 'stix2/sighting' })).status, 'success')
    assert.equal((await request(broker.manage, { action: 'subscribe', topic: ['a', 'b', 'c'] })).status, 'error')
    assert.equal((await request(broker.manage, { action: 'dance' })).status, 'unknown request')
    assert.equal((await request(broker.manage, { action: 'heartbeat', topic: one.topic })).status, 'success')
    assert.equal((await request(broker.manage, { action: 'heartbeat', topic: 'x' })).status, 'error')
    const messages = Array.from({ length: 5 }, () => JSON.parse(indicator()))
    assert.equal(
      (await request(broker.manage, { action: 'publish', topic: 'stix2/indicator', message: messages })).status,
      'success',
    )
    const { send } = await publisher(t, broker.sub)
    for (let sent = 0; sent < 3; sent++) await send('stix2/indicator nonsense')
    for (let sent = 0; sent < 30; sent++) await send(`stix2/indicator ${indicator()}`)
    for (let sent = 0; sent < 10; sent++) await send(`stix2/sighting ${sighting()}`)
    await Promise.all([first.received(35), second.received(45)])

    const values = await scrape(url)
    const expected = {
      threatbus_serving: 1,
      'threatbus_messages_accepted_total{type="indicator",way="sub"}': 30,
      'threatbus_messages_accepted_total{type="sighting",way="sub"}': 10,
      'threatbus_messages_accepted_total{type="indicator",way="publish"}': 5,
      'threatbus_messages_refused_total{reason="not_json"}': 3,
      'threatbus_messages_refused_total{reason="multipart"}': 0,
      threatbus_deliveries_total: 80,
      threatbus_messages_missed_total: 0,
      'threatbus_subscribers{state="live"}': 2,
      'threatbus_subscribers{state="subscribing"}': 1,
      'threatbus_subscribers{state="disconnected"}': 0,
      threatbus_address_subscribers_max: 3,
      'threatbus_subscriptions_ended_total{reason="crowded_out"}': 1,
      'threatbus_subscriber_connections{flow="flowing"}': 2,
      'threatbus_queue_messages{state="live"}': 0,
      'threatbus_connections{endpoint="pub"}': 3,
      'threatbus_connections{endpoint="sub"}': 1,
      'threatbus_connections_broken_total{endpoint="pub",reason="not_zmtp"}': 0,
      threatbus_eavesdroppers_refused_total: 1,
      'threatbus_management_requests_total{action="subscribe",status="success"}': 4,
      'threatbus_management_requests_total{action="subscribe",status="error"}': 0,
      'threatbus_management_requests_total{action="heartbeat",status="success"}': 1,
      'threatbus_management_requests_total{action="heartbeat",status="error"}': 1,
      'threatbus_management_requests_total{action="publish",status="success"}': 1,
      'threatbus_management_requests_total{action="invalid",status="error"}': 1,
      'threatbus_management_requests_total{action="invalid",status="unknown_request"}': 1,
      threatbus_publish_receipts_total: 5,
      threatbus_snapshots_open: 0,
      threatbus_history_oldest_sequence: 1,
      threatbus_history_next_sequence: 46,
      threatbus_history_segments: 1,
      'threatbus_history_failing{what="messages"}': 0,
      'threatbus_history_failing{what="subscriptions"}': 0,
      'threatbus_limit_reached_total{limit="max_subscribers"}': 1,
      'threatbus_limit_reached_total{limit="max_topics"}': 1,
      'threatbus_limit_reached_total{limit="max_publish"}': 0,
      'threatbus_limit_reached_total{limit="max_message_values"}': 0,
      'threatbus_limit_reached_total{limit="max_unchecked_bytes"}': 0,
      'threatbus_limit_reached_total{limit="log_rate"}': 2,
    }
    const shown = Object.fromEntries(Object.keys(expected).map(name => [name, values.get(name)]))
    assert.deepEqual(shown, expected)
    // Whoever waits for sightings waits from the first batch on that has one.
    const waiting = values.get('threatbus_queue_messages{state="subscribing"}') ?? 0
    assert.ok(waiting >= 10 && waiting <= 45, String(waiting))
    assert.equal(values.get('threatbus_queue_messages_max{state="subscribing"}'), waiting)
    assert.ok((values.get('process_resident_memory_bytes') ?? 0) > 1e7)
    assert.ok(values.has('nodejs_eventloop_lag_p99_seconds'))
    // A second scrape counts nothing twice.
    assert.equal((await scrape(url)).get('threatbus_deliveries_total'), 80)

    const status = JSON.parse((await get(url, '/status')).text)
    assert.deepEqual([status.ready, status.state, status.messages.delivered], [true, 'serving', 80])
    assert.equal(status.endpoints.manage, `tcp://127.0.0.1:${broker.manage}`)
    assert.deepEqual(status.subscribers.states, { live: 2, subscribing: 1 })
    assert.deepEqual(status.subscribers.listed[0].topics, ['stix2/sighting'])
    assert.deepEqual(status.limits_reached, { max_subscribers: 1, max_topics: 1, log_rate: 2 })
    assert.equal((await get(url, '/healthz')).text, 'ok\n')
    assert.equal((await get(url, '/readyz')).text, 'ready\n')
  })

  test('connections that the broker ends are counted and told by their reasons, each on its own', async t => {
    const broker = await startBroker(t, { ...watched, zmq: { max_message_size: 1024 } })
    const { manage, pub, sub } = broker
    const tooLong = Buffer.from('\x02\0\0\0\0\0\0\x04\x01', 'latin1')
    for (const [endpoint, port, parts, reason] of [
      ['pub', pub, [Buffer.from('GET / HTTP/1.1\r\n\r\n')], 'not_zmtp'],
      ['pub', pub, [greetingOf(3, 'CURVE')], 'security_mechanism'],
      ['pub', pub, [greetingOf(), Buffer.from('\0\x05hello')], 'no_ready'],
      ['manage', manage, [greetingOf(), readyOf('PUB')], 'socket_type'],
      ['sub', sub, [greetingOf(), readyOf('PUB'), tooLong], 'frame_too_long'],
      ['manage', manage, [greetingOf(), readyOf('REQ'), tooLong], 'frame_too_long'],
      ['manage', manage, [greetingOf(), readyOf('REQ'), Buffer.from('\x01\0'.repeat(100))], 'message_too_long'],
      ['sub', sub, [greetingOf(), readyOf('PUB'), commandOf('', '')], 'malformed_command'],
    ] as const) {
      for (let times = 0; times < 3; times++) await raw(t, port, ...parts)
      await broker.logged(line => line.endpoint === endpoint && line.reason === reason)
    }
    const values = await scrape(await inspectorOf(broker))
    const shown = [...values].filter(([name, value]) => name.startsWith('threatbus_connections_broken') && value > 0)
    assert.deepEqual(Object.fromEntries(shown), {
      'threatbus_connections_broken_total{endpoint="manage",reason="socket_type"}': 3,
      'threatbus_connections_broken_total{endpoint="manage",reason="frame_too_long"}': 3,
      'threatbus_connections_broken_total{endpoint="manage",reason="message_too_long"}': 3,
      'threatbus_connections_broken_total{endpoint="pub",reason="not_zmtp"}': 3,
      'threatbus_connections_broken_total{endpoint="pub",reason="security_mechanism"}': 3,
      'threatbus_connections_broken_total{endpoint="pub",reason="no_ready"}': 3,
      'threatbus_connections_broken_total{endpoint="sub",reason="frame_too_long"}': 3,
      'threatbus_connections_broken_total{endpoint="sub",reason="malformed_command"}': 3,
    })
    // What repeats is summed up.
    assert.equal(broker.log.filter(({ msg }) => msg.startsWith('a connection to ')).length, 8)
  })

  test('a subscriber that reads nothing shows: refused sends, a queue that waits, and what it does', async t => {
    const broker = await startBroker(t, watched)
    const url = await inspectorOf(broker)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 1, receiveBufferSize: 4096 })
    t.after(() => socket.close())
    socket.connect(`tcp://127.0.0.1:${broker.pub}`)
    socket.subscribe(topic)
    await broker.logged(({ msg }) => msg.startsWith('joined'))
    const { send } = await publisher(t, broker.sub)
    let values = await scrape(url)
    while (!values.get('threatbus_subscriber_connections{flow="waiting"}')) {
      for (let sent = 0; sent < 200; sent++)
        await send(`stix2/indicator ${indicator({ description: 'x'.repeat(5000) })}`)
      values = await scrape(url)
    }
    assert.ok((values.get('threatbus_sends_refused_total') ?? 0) > 0)
    assert.ok((values.get('threatbus_queue_messages_max{state="live"}') ?? 0) > 0)
    assert.ok((values.get('threatbus_limit_reached_total{limit="plugins.apps.zmq.send_buffer_size"}') ?? 0) > 0)
  })

  test('a snapshot shows while it is open, and how long it was when it has ended', async t => {
    const broker = await startBroker(t, { ...watched, snapshot: { answer_timeout: 5 } })
    const url = await inspectorOf(broker)
    await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    assert.equal((await scrape(url)).get('threatbus_snapshots_open'), 1)
    await broker.logged(({ outcome }) => outcome === 'nobody_answered')
    const values = await scrape(url)
    assert.equal(values.get('threatbus_snapshots_open'), 0)
    assert.equal(values.get('threatbus_snapshots_closed_total{outcome="nobody_answered"}'), 1)
    const seconds = values.get('threatbus_snapshot_duration_seconds_sum') ?? 0
    assert.ok(seconds >= 4.9 && seconds < 60, String(seconds))
    assert.equal(values.get('threatbus_snapshot_duration_seconds_count'), 1)
    assert.equal(values.get('threatbus_snapshot_duration_seconds_bucket{le="0.1"}'), 0)
    assert.equal(values.get('threatbus_snapshot_duration_seconds_bucket{le="+Inf"}'), 1)
  })

  test('while the disk is full the broker lives, but is not ready, and says why', async t => {
    const broker = await startBroker(t, { ...watched, fileSizeLimitKibibytes: 1024 })
    const url = await inspectorOf(broker)
    assert.equal((await get(url, '/readyz')).status, 200)
    const { send } = await publisher(t, broker.sub)
    const failing = broker.logged(({ msg }) => msg.startsWith('the log of messages cannot be written'))
    for (let sent = 0; sent < 200; sent++)
      await send(`stix2/indicator ${indicator({ description: 'x'.repeat(10_000) })}`)
    await failing
    const { status, text } = await get(url, '/readyz')
    assert.deepEqual([status, text], [503, 'not ready: the log of messages cannot be written\n'])
    assert.equal((await get(url, '/healthz')).status, 200)
    const values = await scrape(url)
    assert.equal(values.get('threatbus_history_failing{what="messages"}'), 1)
    assert.ok((values.get('threatbus_history_unwritten_bytes') ?? 0) > 0)
    const { code, lines } = await runCommand(t, ['status', '--endpoint', url.origin])
    assert.equal(code, 0)
    assert.ok(lines.some(line => /^state +serving: the log of messages cannot be written$/.test(line)))
  })

  test('nothing that is shown ever contains a whole p2p topic, whatever subscribers do', async t => {
    const broker = await startBroker(t, watched)
    const url = await inspectorOf(broker)
    const secrets = new Set<string>()
    const any = () => [...secrets].at(-1) ?? 'x'.repeat(32)
    const act = {
      subscribe: () => request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 }),
      // Who knows a topic may give it away himself.
      subscribeToSecret: () => request(broker.manage, { action: 'subscribe', topic: [any(), `stix2/${any()}`] }),
      heartbeat: () => request(broker.manage, { action: 'heartbeat', topic: any() }),
      unsubscribe: () => request(broker.manage, { action: 'unsubscribe', topic: any() }),
      nameAsAction: () => request(broker.manage, { action: any(), topic: any() }),
      join: async () => void receive(t, broker.pub, any(), `${any()}x`),
      publish: () =>
        request(broker.manage, {
          action: 'publish',
          topic: 'stix2/indicator',
          message: JSON.parse(indicator({ name: any() })),
        }),
    }
    const names = Object.keys(act) as (keyof typeof act)[]
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 8 }), async steps => {
        for (const step of steps) {
          const reply = await act[step]()
          if (reply && 'topic' in reply) secrets.add(reply.topic)
        }
        for (const path of ['/metrics', '/status', '/readyz', '/healthz']) {
          const { text } = await get(url, path)
          for (const secret of secrets) assert.ok(!text.includes(secret), `${path} has ${secret}`)
        }
      }),
      { numRuns: 20 },
    )
    assert.ok(secrets.size > 0)
  })

  test('strangers are refused: a rebound name, a page of another site, whoever lacks the token, which is never logged', async t => {
    const broker = await startBroker(t, { inspector: { port: 0, token } })
    const url = await inspectorOf(broker)
    const bearer = { authorization: `Bearer ${token}` }
    assert.equal((await get(url, '/status', bearer)).status, 200)
    assert.equal((await get(url, '/status')).status, 401)
    assert.equal((await get(url, '/status', { authorization: 'Bearer wrong-wrong-wrong-wrong' })).status, 401)
    assert.equal((await get(url, '/status', { host: `evil.example:${url.port}` })).status, 403)
    assert.equal((await get(url, '/status', { ...bearer, origin: 'http://evil.example' })).status, 403)
    assert.equal((await get(url, `/status?token=${token}`)).status, 303)
    const { reason } = await broker.logged(({ msg }) => msg.startsWith('an HTTP request was refused'))
    assert.equal(reason, 'unauthorized')
    assert.equal(await broker.stop(), 0)
    assert.ok(!JSON.stringify(broker.log).includes(token))
  })

  test('a port that is taken costs the inspector and nothing else', async t => {
    const other = createServer().listen(0, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const broker = await startBroker(t, { inspector: { port } })
    const { level, msg } = await broker.logged(line => line.msg.startsWith("the inspector can't listen"))
    assert.deepEqual([level, /another process listens there/.test(msg)], ['WARNING', true])
    assert.equal((await request(broker.manage, { action: 'subscribe', topic: 'stix2' })).status, 'success')
    assert.equal(await broker.stop(), 0)
  })

  test('the broker ends as soon as ever although somebody holds connections to its inspector', async t => {
    const broker = await startBroker(t, { ...watched, shutdown_timeout: 60 })
    const url = await inspectorOf(broker)
    const response = await fetch(new URL('/metrics', url))
    await response.text()
    assert.equal(await broker.stop(), 0)
  })
})

describe('threatbus status', { concurrency: true }, () => {
  test('prints a table, or what the broker said', async t => {
    const broker = await startBroker(t, watched)
    const url = await inspectorOf(broker)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: ['stix2/indicator', '\u001b[31mred'] })
    const { code, lines } = await runCommand(t, ['status', '--endpoint', url.origin])
    assert.equal(code, 0)
    assert.ok(
      lines.some(line => /^subscribers +1 \(subscribing 1\)$/.test(line)),
      lines.join('\n'),
    )
    assert.ok(
      lines.some(line => /^waiting +0 messages$/.test(line)) &&
        lines.some(line => /^history +\d+ bytes? in /.test(line)),
      lines.join('\n'),
    )
    const row = lines.find(line => line.startsWith(topic.slice(0, 6)))
    assert.equal(
      row?.replaceAll(/ +/g, ' '),
      `${topic.slice(0, 6)}… subscribing - - 0 0 0 stix2/indicator, \\x1b[31mred`,
    )
    const json = await runCommand(t, ['status', '--endpoint', url.host, '--json'])
    assert.equal(JSON.parse(json.lines.join('\n')).subscribers.total, 1)
  })

  test('finds the broker, and its token, by the configuration', async t => {
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as { port: number }
    free.close()
    await once(free, 'close')
    const inspector = { port, token }
    const broker = await startBroker(t, { inspector })
    await inspectorOf(broker)
    const file = temporaryFile(t, 'config.yaml', JSON.stringify({ inspector }))
    assert.equal((await runCommand(t, ['status', '-c', file])).code, 0)
    const without = temporaryFile(t, 'config.yaml', JSON.stringify({ inspector: { port } }))
    const { code, stderr } = await runCommand(t, ['status', '-c', without])
    assert.deepEqual([code, /token is missing or wrong/.test(stderr)], [69, true])
    await broker.stop()
    const gone = await runCommand(t, ['status', '-c', file])
    assert.deepEqual([gone.code, /nothing listens there/.test(gone.stderr)], [69, true])
  })

  test('names what answers instead of a broker, and that nobody does', async t => {
    const broker = await startBroker(t)
    const other = createHttpServer((_, response) => response.end('{"hello": "world"}')).listen(0, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    for (const [endpoint, told] of [
      [`127.0.0.1:${port}`, /what answers there is no broker: it says "\{"hello": "world"\}"$/m],
      [`127.0.0.1:${broker.manage}`, /what answers there does not speak HTTP/],
      ['nowhere.invalid:13373', /no such host|can't be looked up/],
    ] as const) {
      const { code, lines, stderr } = await runCommand(t, ['status', '--endpoint', endpoint])
      assert.deepEqual([code, lines], [69, []])
      assert.match(stderr, told)
    }
  })

  test('says so if there is no way to know where the broker is', async t => {
    const file = temporaryFile(t, 'config.yaml', 'inspector: {port: 0}')
    const { code, stderr } = await runCommand(t, ['status', '-c', file])
    assert.deepEqual([code, /--endpoint/.test(stderr)], [78, true])
    assert.equal((await runCommand(t, ['status', '--endpoint', 'ftp://x'])).code, 64)
  })
})
