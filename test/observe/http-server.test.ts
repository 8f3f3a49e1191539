// The HTTP server with routes of the test's own, on a free port; clients are node:http and bare sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { answerText } from '../../src/observe/http/answers.ts'
import type { Route } from '../../src/observe/http/route.ts'
import { HttpServer } from '../../src/observe/http/server.ts'
import { ask, converse, serve } from './served.ts'

const routes: readonly Route[] = [
  { path: '/plain', answer: (_, response) => answerText(response, 200, 'plain') },
  { path: '/tree/', answer: ({ path }, response) => answerText(response, 200, path) },
  { path: '/tree/leaf', answer: (_, response) => answerText(response, 200, 'the leaf itself') },
  { path: '/change', method: 'POST', answer: (_, response) => answerText(response, 200, 'changed') },
  { path: '/broken', answer: () => Promise.reject(new Error('on purpose')) },
  { path: '/endless', streams: true, answer: (_, response) => void response.write('begins\n') },
  {
    path: '/socket',
    answer: (_, response) => answerText(response, 200, 'a page'),
    upgrade: (_, socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\nhello'),
  },
]

describe('the HTTP server', { concurrency: true }, () => {
  test('answers a path, everything below a path that ends with a slash, and lists what it knows otherwise', async t => {
    const { url } = await serve(t, routes)
    assert.equal((await ask(url, '/plain?x=1')).text, 'plain\n')
    assert.equal((await ask(url, '/tree/a/b')).text, '/tree/a/b\n')
    assert.equal((await ask(url, '/tree/leaf')).text, 'the leaf itself\n')
    const { status, text } = await ask(url, '/plain/more')
    assert.deepEqual([status, text.includes('/plain, /socket, /tree/')], [404, true])
    const head = await ask(url, '/plain', { method: 'HEAD' })
    assert.deepEqual([head.status, head.text], [200, ''])
  })

  test('sends the security headers with every answer, refusals included', async t => {
    const { url } = await serve(t, routes)
    for (const [path, host] of [
      ['/plain', url.host],
      ['/nothing', url.host],
      ['/plain', 'evil.example'],
    ] as const) {
      const { headers } = await ask(url, path, { headers: { host } })
      assert.match(String(headers['content-security-policy']), /^default-src 'none'.*frame-ancestors 'none'$/)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['referrer-policy'], 'no-referrer')
      assert.equal(headers['access-control-allow-origin'], undefined)
    }
  })

  test('refuses a rebound name and a page of another site, says why, and tells its owner', async t => {
    const { url, told } = await serve(t, routes)
    const rebound = await ask(url, '/plain', { headers: { host: `evil.example:${url.port}` } })
    assert.deepEqual([rebound.status, /Host header/.test(rebound.text)], [403, true])
    const crossing = await ask(url, '/plain', { headers: { origin: 'https://evil.example' } })
    assert.deepEqual([crossing.status, /another site/.test(crossing.text)], [403, true])
    assert.deepEqual(told.refused, ['foreign_host', 'cross_site'])
  })

  test('with a token answers who bears it, and turns it into a cookie for a browser', async t => {
    const token = 'a-token-of-many-characters'
    const { url } = await serve(t, routes, { token })
    const without = await ask(url, '/plain')
    assert.deepEqual([without.status, without.headers['www-authenticate']], [401, 'Bearer realm="threatbus"'])
    const authorization = `Bearer ${token}`
    assert.equal((await ask(url, '/plain', { headers: { authorization } })).status, 200)
    assert.equal((await ask(url, '/change', { method: 'POST', headers: { authorization } })).text, 'changed\n')
    const { status, headers } = await ask(url, `/tree/x?token=${token}&y=1`)
    assert.deepEqual([status, headers.location], [303, '/tree/x?y=1'])
    const cookie = String(headers['set-cookie']?.[0]).split(';')[0] ?? ''
    assert.equal((await ask(url, '/plain', { headers: { cookie } })).status, 200)
    const elsewhere = await converse(
      Number(url.port),
      `GET //evil.example/?token=${token} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`,
    )
    assert.match(elsewhere, /^HTTP\/1\.1 400 /)
  })

  test('takes other methods only where a route does, and never without a token', async t => {
    const { url } = await serve(t, routes)
    assert.equal((await ask(url, '/change', { method: 'POST' })).status, 403)
    assert.equal((await ask(url, '/change')).status, 405)
    const token = 'a-token-of-many-characters'
    const guarded = await serve(t, routes, { token })
    const authorization = `Bearer ${token}`
    const { status, headers } = await ask(guarded.url, '/plain', { method: 'DELETE', headers: { authorization } })
    assert.deepEqual([status, headers.allow], [405, 'GET'])
    const large = { authorization, 'content-length': '16385' }
    assert.equal((await ask(guarded.url, '/change', { method: 'POST', headers: large, body: 'x' })).status, 413)
  })

  test('bounds the headers', async t => {
    const { url, port } = await serve(t, routes)
    const long = `GET /plain HTTP/1.1\r\nHost: ${url.host}\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`
    assert.match(await converse(port, long), /^HTTP\/1\.1 431 /)
  })

  test('answers 500 when a route fails, and goes on', async t => {
    const { url, told } = await serve(t, routes)
    assert.equal((await ask(url, '/broken')).status, 500)
    assert.deepEqual(told.failed, ['/broken'])
    assert.equal((await ask(url, '/plain')).status, 200)
  })

  test('hands a handshake of its own pages to the route, and refuses one of another site or to a route without', async t => {
    const { url, port, told } = await serve(t, routes)
    const handshake = (path: string, origin: string) =>
      `GET ${path} HTTP/1.1\r\nHost: ${url.host}\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write(handshake('/socket', url.origin))
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 101 .*hello$/s)
    assert.match(await converse(port, handshake('/socket', 'http://evil.example')), /^HTTP\/1\.1 403 .*another site/s)
    assert.match(await converse(port, handshake('/plain', url.origin)), /^HTTP\/1\.1 426 /)
    assert.deepEqual(told.refused, ['cross_site'])
  })

  test('ends soon although somebody looks and a handshake was taken over', async t => {
    const { url, port, server } = await serve(t, routes)
    const streaming = connect(port, '127.0.0.1')
    streaming.write(`GET /endless HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`)
    const upgraded = connect(port, '127.0.0.1')
    upgraded.write(`GET /socket HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
    await Promise.all([once(streaming, 'data'), once(upgraded, 'data')])
    const gone = [streaming, upgraded].map(socket => once(socket.resume(), 'close'))
    await server.close()
    await Promise.all(gone)
  })

  test('that cannot listen says so, and closes as one that does', async t => {
    const { port } = await serve(t, routes)
    const second = new HttpServer(
      { host: '127.0.0.1', port, token: undefined, maxConnections: 1 },
      { refused() {}, dropped() {}, failed() {} },
    )
    await assert.rejects(second.listen(), { code: 'EADDRINUSE' })
    await second.close()
  })
})
