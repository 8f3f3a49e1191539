// Strangers who hold connections to the HTTP server, or ask for more than their share: everybody else is heard.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { answerText } from '../../src/observe/http/answers.ts'
import { requestMs } from '../../src/observe/http/connections.ts'
import type { Route } from '../../src/observe/http/route.ts'
import { ask, serve } from './served.ts'

const plain: Route = { path: '/plain', answer: (_, response) => answerText(response, 200, 'plain') }

/** A connection that has sent something, or nothing. It reads what it gets. */
async function connected(t: TestContext, port: number, sent = '', localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  t.after(() => socket.destroy())
  socket.on('error', () => {}).resume()
  await once(socket, 'connect')
  if (sent !== '') await new Promise(resolve => socket.write(sent, resolve))
  return socket
}

/** A request by an open connection, and the head of the answer. */
async function askBy(socket: Socket, host: string): Promise<string> {
  socket.write(`GET /plain HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  return String((await once(socket, 'data'))[0])
}

for (const [what, sent] of [
  ['say nothing', ''],
  ['never finish their headers', 'GET /plain HTTP/1.1\r\nX: '],
  ['never finish a body', 'GET /plain HTTP/1.1\r\nHost: HOST\r\nContent-Length: 9\r\n\r\n'],
] as const) {
  test(`whoever comes is answered at once, however many ${what}`, async t => {
    const { url, port, told, server } = await serve(t, [plain], { maxConnections: 4 })
    for (let held = 0; held < 12; held++) {
      await connected(t, port, sent.replace('HOST', url.host))
      assert.equal((await ask(url, '/plain')).status, 200)
      assert.ok(server.connections <= 4)
    }
    assert.ok(told.dropped >= 8)
  })
}

test('whoever comes is answered at once, however many look on and read nothing', async t => {
  const large = Buffer.alloc(1024 * 1024)
  const endless: Route = {
    path: '/endless',
    streams: true,
    answer: (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(large));
      }
      response.on('drain', more)
      more()
    },
  }
  const { url, port } = await serve(t, [plain, endless], { maxConnections: 4 })
  for (let held = 0; held < 12; held++) {
    const socket = await connected(t, port, `GET /endless HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`)
    await once(socket, 'data')
    socket.pause()
    assert.equal((await ask(url, '/plain')).status, 200)
  }
})

test('who has many connections makes room, not who has one', async t => {
  const { url, port } = await serve(t, [plain], { maxConnections: 4 })
  const single = await connected(t, port, '', '127.0.0.2')
  assert.match(await askBy(single, url.host), /^HTTP\/1\.1 200 /)
  for (let many = 0; many < 12; many++) await askBy(await connected(t, port), url.host)
  assert.match(await askBy(single, url.host), /^HTTP\/1\.1 200 /)
})

test('many requests at once are answered one after the other, and never many in one turn', async t => {
  const count = 2000
  let inTurn = 0
  let mostInTurn = 0
  let answered = 0
  const counting: Route = {
    path: '/n',
    answer: (_, response) => {
      if (inTurn++ === 0) setImmediate(() => (inTurn = 0))
      mostInTurn = Math.max(mostInTurn, inTurn)
      answerText(response, 200, `number ${answered++};`)
    },
  }
  const { url, port } = await serve(t, [counting])
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(`GET /n HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`.repeat(count))
  let text = ''
  for await (const part of socket) {
    text += part
    if (text.includes(`number ${count - 1};`)) break
  }
  const numbers = [...text.matchAll(/number (\d+);/g)].map(([, number]) => Number(number))
  assert.deepEqual(
    numbers,
    Array.from({ length: count }, (_, number) => number),
  )
  assert.ok(mostInTurn <= 100, `${mostInTurn} requests in one turn`)
})

test('who does not say in time what it asks for is told so, and who says nothing is let go', async t => {
  const { port, server } = await serve(t, [plain])
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const slow = connect(port, '127.0.0.1')
  const silent = await connected(t, port)
  slow.write('GET /plain HTTP/1.1\r\nX: ')
  while (server.connections < 2) await new Promise(setImmediate)
  const heard = (async () => {
    let text = ''
    for await (const part of slow) text += part
    return text
  })()
  // What was sent is read before the time is over.
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  const gone = once(silent, 'close')
  t.mock.timers.tick(requestMs)
  assert.match(await heard, /^HTTP\/1\.1 408 /)
  await gone
})
