// The gate of the HTTP server, as a function: who passes, by what headers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Gate } from '../../src/observe/http/gate.ts'

const port = 13373
const secret = 'a-token-of-many-characters'
const open = new Gate({ host: '127.0.0.1', port, token: undefined })
const guarded = new Gate({ host: '0.0.0.0', port, token: secret })
const noQuery = new URLSearchParams()

/** The verdict on a GET with these headers. */
const onGet = (gate: Gate, headers: Record<string, string>, query = noQuery) =>
  gate.judge({ method: 'GET', headers, query })

const ours = fc.constantFrom('127.0.0.1', 'localhost', 'LOCALHOST', '[::1]').map(name => `${name}:${port}`)
const foreign = fc.oneof(
  fc.domain().map(name => `${name}:${port}`),
  fc.domain(),
  fc
    .ipV4()
    .map(address => `${address}:${port}`)
    .filter(host => host !== `127.0.0.1:${port}`),
  fc
    .integer({ min: 0, max: 65_535 })
    .filter(other => other !== port)
    .map(other => `127.0.0.1:${other}`),
  fc.string(),
  ours.map(host => `${host}.evil.example`),
  ours.map(host => `evil.example@${host}`),
)
const sites = fc.constantFrom('cross-site', 'same-site', 'same-origin, cross-site', '')

test('a program that asks by an address of this server passes, and so does a page that was typed or is our own', () => {
  const own = (host: string) => [
    {},
    { 'sec-fetch-site': 'none' },
    { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' },
  ]
  fc.assert(
    fc.property(ours, host => {
      for (const headers of own(host)) assert.equal(onGet(open, { host, ...headers }), 'pass')
    }),
  )
})

test('a name that is not of this server never passes: that is what DNS rebinding looks like', () => {
  fc.assert(fc.property(foreign, host => assert.equal(onGet(open, { host }), 'foreign_host')))
  assert.equal(onGet(open, {}), 'foreign_host')
})

test('a page of another site never passes, with the token or without', () => {
  const origins = fc.oneof(fc.webUrl(), fc.constantFrom('null', '', `https://127.0.0.1:${port}`, 'http://127.0.0.1'))
  const crossing = fc.oneof(
    origins.map(origin => ({ origin })),
    sites.map(site => ({ 'sec-fetch-site': site })),
  )
  fc.assert(
    fc.property(ours, crossing, (host, headers) => {
      assert.equal(onGet(open, { host, ...headers }), 'cross_site')
      const authorization = `Bearer ${secret}`
      assert.equal(onGet(guarded, { host, authorization, ...headers }), 'cross_site')
    }),
  )
})

test('who has the token passes by any name, since no browser sends it by itself', () => {
  const authorization = `Bearer ${secret}`
  fc.assert(fc.property(foreign, host => assert.equal(onGet(guarded, { host, authorization }), 'pass')))
})

test('a wrong token does not pass, in whatever way it comes', () => {
  const host = `10.1.2.3:${port}`
  const wrong = fc.string().filter(text => text !== secret)
  fc.assert(
    fc.property(wrong, token => {
      assert.equal(onGet(guarded, { host, authorization: `Bearer ${token}` }), 'unauthorized')
      assert.equal(onGet(guarded, { host, cookie: `threatbus-${port}=${token}` }), 'unauthorized')
      assert.equal(onGet(guarded, { host }, new URLSearchParams({ token })), 'unauthorized')
    }),
  )
  assert.equal(onGet(guarded, { host, authorization: secret }), 'unauthorized')
  assert.equal(onGet(guarded, { host, cookie: `threatbus-${port}=${secret}` }), 'unauthorized')
})

test('the token in an address becomes a cookie, which then passes; of another broker it does not', () => {
  const host = `10.1.2.3:${port}`
  assert.equal(onGet(guarded, { host }, new URLSearchParams({ token: secret })), 'set_cookie')
  assert.match(guarded.cookie, /; HttpOnly; SameSite=Strict$/)
  assert.ok(!guarded.cookie.includes(secret))
  const [cookie = ''] = guarded.cookie.split(';')
  assert.equal(onGet(guarded, { host, cookie: `other=1; ${cookie}` }), 'pass')
  const other = new Gate({ host: '0.0.0.0', port, token: secret })
  assert.equal(onGet(other, { host, cookie }), 'unauthorized')
})

test('what changes something needs the token: without one configured it is always refused', () => {
  const method = fc.constantFrom('POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT')
  fc.assert(
    fc.property(method, ours, (method, host) => {
      assert.equal(open.judge({ method, headers: { host }, query: noQuery }), 'not_permitted')
      const query = new URLSearchParams({ token: secret })
      assert.equal(guarded.judge({ method, headers: { host }, query }), 'unauthorized')
      const authorization = `Bearer ${secret}`
      assert.equal(guarded.judge({ method, headers: { host, authorization }, query: noQuery }), 'pass')
    }),
  )
})
