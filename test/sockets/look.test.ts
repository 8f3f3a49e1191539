// Who answers at an address, found out before anything is asked: real servers of all kinds, and nobody.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { Dealer, Publisher, Pull, Reply, Request, Router, Subscriber } from 'zeromq'
import { lookAt } from '../../src/sockets/client/look.ts'

const never = new AbortController().signal

async function portOf(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** A server that does with each connection what it is told to. */
function tcp(t: TestContext, serve: (socket: Socket) => void): Promise<number> {
  return portOf(
    t,
    createServer(socket => {
      socket.on('error', () => {})
      serve(socket)
    }),
  )
}

describe('something else than a bus is named by what it says', () => {
  for (const [says, because] of [
    ['SSH-2.0-OpenSSH_9.6\r\n', 'something that says "SSH-2.0-OpenSSH_9.6"'],
    ['220 mail.example ESMTP\r\n', 'something that says "220 mail.example ESMTP"'],
    ['\x1b[31mred\n', 'something that says "\\u001b[31mred"'],
    [`${'x'.repeat(100_000)}`, `something that says "${'x'.repeat(60)}…"`],
    ['\x15\x03\x01\x00\x02\x02\x46', 'a server of TLS'],
  ] as const) {
    test(because, async t => {
      const port = await tcp(t, socket => socket.write(says, 'latin1'))
      assert.deepEqual(await lookAt('127.0.0.1', port, never), { who: 'stranger', because })
    })
  }

  test('a server of HTTP', async t => {
    const port = await portOf(t, createHttpServer())
    const because = 'an HTTP server, which says "HTTP/1.1 400 Bad Request"'
    assert.deepEqual(await lookAt('127.0.0.1', port, never), { who: 'stranger', because })
  })

  for (const [name, make, because] of [
    ['PUB', () => new Publisher({ linger: 0 }), /publishes/],
    ['SUB', () => new Subscriber({ linger: 0 }), /published to.+`sub` endpoint/],
    ['REQ', () => new Request({ linger: 0 }), /asks/],
    ['PULL', () => new Pull({ linger: 0 }), undefined],
    ['REP', () => new Reply({ linger: 0 }), undefined],
    ['ROUTER', () => new Router({ linger: 0 }), undefined],
    ['DEALER', () => new Dealer({ linger: 0 }), undefined],
  ] as const) {
    test(`a ${name} socket${because === undefined ? ' may be a bus, or is not known' : ''}`, async t => {
      const socket = make()
      t.after(() => socket.close())
      await socket.bind('tcp://127.0.0.1:*')
      const seen = await lookAt('127.0.0.1', Number(/\d+$/.exec(socket.lastEndpoint ?? '')?.[0]), never)
      if (because === undefined) assert.equal(seen, undefined)
      else assert.match(seen?.because ?? '', because)
    })
  }
})

describe('nobody', () => {
  test('listens', async t => {
    const server = createServer()
    const port = await portOf(t, server)
    server.close()
    await once(server, 'close')
    const seen = await lookAt('127.0.0.1', port, never)
    assert.equal(seen?.who, 'nobody')
    assert.match(seen?.because ?? '', /^the connection was refused/)
  })

  test('has such a name', async () => {
    const seen = await lookAt('nowhere.invalid', 13370, never)
    assert.equal(seen?.who, 'nobody')
    assert.match(seen?.because ?? '', /no such host|can't be looked up/)
  })
})

describe('what says nothing may be a bus', () => {
  test('that has no room, and closes', async t => {
    assert.equal(await lookAt('127.0.0.1', await tcp(t, socket => socket.destroy()), never), undefined)
    assert.equal(await lookAt('127.0.0.1', await tcp(t, socket => socket.end()), never), undefined)
  })

  test('that is busy: the look ends when it is told to', async t => {
    const looking = new AbortController()
    const port = await tcp(t, socket => {
      t.after(() => socket.destroy())
      looking.abort()
    })
    assert.equal(await lookAt('127.0.0.1', port, looking.signal), undefined)
    assert.equal(await lookAt('127.0.0.1', port, looking.signal), undefined)
  })
})
