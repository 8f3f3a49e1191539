import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Dealer, Request } from 'zeromq'
import { ManageSocket, type RawRequest } from '../../src/sockets/manage.ts'
import { connected, greetingOf, listening, raw, readyOf, Told } from './broker-endpoint.ts'

/** A socket that replies with what it was asked, unless the test does it. */
async function openManage(
  t: TestContext,
  answer?: (request: RawRequest, manage: ManageSocket) => Promise<void> | void,
) {
  const told = new Told()
  const manage: ManageSocket = new ManageSocket(
    { ...listening, maxMessageBytes: 1000 },
    request => {
      told.note('asked')()
      if (answer) return answer(request, manage)
      manage.reply(request.route, `${request.parts.length}:${request.parts.join()}`)
    },
    { broken: told.note('broken'), dropped: told.note('dropped') },
  )
  t.after(() => manage.close())
  return { manage, port: await manage.bind(), told }
}

describe('manage', { concurrency: true }, () => {
  test('answers each client, whatever its envelope', async t => {
    const { port } = await openManage(t)
    const req = connected(t, new Request({ linger: 0 }), port)
    for (const [request, reply] of [
      ['a', '1:a'],
      [['a', 'b'], '2:a,b'],
      ['', '1:'],
      ['x'.repeat(900), `1:${'x'.repeat(900)}`],
    ] as const) {
      await req.send(request as string)
      assert.equal(String(await req.receive()), reply)
    }
    const dealer = connected(t, new Dealer({ linger: 0 }), port)
    await dealer.send(['', 'c'])
    assert.deepEqual((await dealer.receive()).map(String), ['', '1:c'])
    await dealer.send(['id', '', 'c'])
    assert.deepEqual((await dealer.receive()).map(String), ['id', '', '1:c'])
    await dealer.send('d')
    assert.deepEqual((await dealer.receive()).map(String), ['1:d'])
  })

  test('tells the address that a request came from', async t => {
    const { port } = await openManage(t, ({ route, address }, manage) => manage.reply(route, address))
    const req = connected(t, new Request({ linger: 0 }), port)
    await req.send('a')
    assert.equal(String(await req.receive()), '127.0.0.1')
  })

  test('does not answer a probe, so that whoever sends one takes nothing for its answer', async t => {
    const { port, told } = await openManage(t)
    for (const socket of [
      new Request({ linger: 0, probeRouter: true, receiveTimeout: 60_000 }),
      new Dealer({ linger: 0, probeRouter: true, receiveTimeout: 60_000 }),
    ]) {
      connected(t, socket, port)
      for (const request of ['a', '', 'b']) {
        await socket.send(socket instanceof Dealer ? ['', request] : request)
        assert.equal(String((await socket.receive()).at(-1)), `1:${request}`)
      }
    }
    assert.equal(told.all.length, 6)
  })

  test('answers a client that asks a thousand times before it reads, in order, and others meanwhile', async t => {
    const slow = (request: RawRequest, manage: ManageSocket) => {
      for (const end = performance.now() + 0.1; performance.now() < end; );
      manage.reply(request.route, String(request.parts))
    }
    const { port } = await openManage(t, slow)
    const dealer = connected(t, new Dealer({ linger: 0 }), port)
    for (let count = 0; count < 1000; count++) await dealer.send(['', String(count)])
    const req = connected(t, new Request({ linger: 0 }), port)
    await req.send('me too')
    assert.equal(String(await req.receive()), 'me too')
    for (let count = 0; count < 1000; count++) assert.equal(String((await dealer.receive())[1]), String(count))
  })

  test('answers others while a request takes its time to be read, and that client in order', async t => {
    let finish = () => {}
    const { manage, port, told } = await openManage(t, ({ route, parts }, manage) => {
      const answer = () => manage.reply(route, String(parts))
      if (String(parts) !== 'long') return answer()
      return new Promise<void>(resolve => {
        finish = resolve
      }).then(answer)
    })
    const dealer = connected(t, new Dealer({ linger: 0 }), port)
    for (const each of ['before', 'long', 'after']) await dealer.send(['', each])
    await told.of('asked', 2)
    const req = connected(t, new Request({ linger: 0 }), port)
    for (const each of ['me too', 'and again']) {
      await req.send(each)
      assert.equal(String(await req.receive()), each)
    }
    assert.equal(told.all.length, 4)
    finish()
    for (const each of ['before', 'long', 'after']) assert.equal(String((await dealer.receive())[1]), each)
    assert.equal(manage.connections, 2)
  })

  test('closes a connection whose request is too long, in one frame or in many', async t => {
    const { port, told } = await openManage(t)
    const req = [greetingOf(), readyOf('REQ')]
    await raw(t, port, ...req, Buffer.from('\x01\0\x02\0\0\0\0\0\0\x03\xe9', 'latin1'))
    assert.deepEqual(told.all, ['broken frame_too_long'])
    await raw(t, port, ...req, Buffer.from('\x01\0'.repeat(100_000), 'latin1'))
    assert.equal(told.all.at(-1), 'broken message_too_long')
    assert.ok(!told.all.includes('asked'))
  })

  test('replies to nobody who has gone', async t => {
    const routes: RawRequest['route'][] = []
    const { manage, port, told } = await openManage(t, ({ route }) => void routes.push(route))
    const req = connected(t, new Request({ linger: 0 }), port)
    await req.send('a')
    await told.of('asked')
    req.close()
    while (manage.connections > 0) await nextTurn()
    for (const route of routes) manage.reply(route, 'too late')
  })
})
