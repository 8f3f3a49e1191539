// The inspector's routes over real HTTP, with peers that read nothing, or come in crowds.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { liveRecords } from '../../src/inspector/merge/live-records.ts'
import type { Viewer } from '../../src/inspector/recorder.ts'
import { maxPages } from '../../src/inspector/serve/live-pages.ts'
import { liveRoute } from '../../src/inspector/serve/live-route.ts'
import { traceRoute } from '../../src/inspector/serve/trace-route.ts'
import { serve } from '../observe/served.ts'
import { temporaryFile } from '../system/command-process.ts'

/** Something to look at that says how it goes with its viewers. */
class Watched {
  readonly viewers: Viewer[] = []
  drained = 0
  ended = 0

  watch(viewer: Viewer) {
    this.viewers.push(viewer)
    viewer.take(['{}'])
    return { drained: () => void this.drained++, end: () => void this.ended++ }
  }
}

/** A page that looks, and the head of its answer. */
async function page(t: TestContext, url: URL, localAddress = '127.0.0.1') {
  const socket = connect({ port: Number(url.port), host: '127.0.0.1', localAddress })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(`GET /inspector/live HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`)
  const [head] = await once(socket, 'data')
  return { socket, status: String(head).slice(9, 12) }
}

/** Tells a viewer more than the sockets between hold. */
async function fill(watched: Watched, viewer: Viewer | undefined, socket: Socket): Promise<void> {
  socket.pause()
  const much = 'x'.repeat(1_048_576)
  for (let drained = -1; drained < watched.drained; ) {
    drained = watched.drained
    viewer?.take([much])
    // What the system takes, it takes at once.
    for (let turns = 0; turns < 20; turns++) await turn()
  }
}

test('a page that takes what it is told again is not given up for what it did not take before', async t => {
  const watched = new Watched()
  const { url } = await serve(t, [liveRoute(watched)])
  const { socket } = await page(t, url)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await fill(watched, watched.viewers[0], socket)
  // The last words of a program are told also to who does not keep up.
  assert.equal(watched.viewers[0]?.take(['{}']), false)
  const before = watched.drained
  socket.resume()
  while (watched.drained === before) await turn()
  t.mock.timers.tick(60_000)
  watched.viewers[0]?.take(['"still there"'])
  let text = ''
  for await (const part of socket) {
    text = (text + part).slice(-1000)
    if (text.includes('still there')) break
  }
})

test('a page that takes nothing for a minute is given up', async t => {
  const watched = new Watched()
  const { url } = await serve(t, [liveRoute(watched)])
  const { socket } = await page(t, url)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await fill(watched, watched.viewers[0], socket)
  t.mock.timers.tick(60_000)
  while (watched.ended === 0) await turn()
})

test('pages that take nothing make room for one that does, and so do many of one address', async t => {
  const watched = new Watched()
  const { url } = await serve(t, [liveRoute(watched)])
  const pages = []
  for (let count = 0; count < maxPages; count++) pages.push(await page(t, url))
  assert.equal((await page(t, url)).status, '503')
  const [, second] = pages
  assert.ok(second)
  await fill(watched, watched.viewers[1], second.socket)
  assert.equal((await page(t, url)).status, '200')
  while (watched.ended < 1) await turn()
  assert.equal((await page(t, url, '127.0.0.2')).status, '200')
  while (watched.ended < 2) await turn()
  assert.equal((await page(t, url)).status, '503')
})

test('a trace is sent as it is read, however long that takes, and nothing is left hanging on it', async t => {
  const warnings: Error[] = []
  const warned = (warning: Error) => void warnings.push(warning)
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const head = { type: 'trace', version: 1, program: 'test', pid: 1, at: 0 }
  const line = JSON.stringify({ type: 'skipped', at: 0, batches: 1, filler: 'x'.repeat(65_536) })
  const lines = [JSON.stringify(head), ...Array(60).fill(line)]
  const path = temporaryFile(t, 'trace.jsonl', `${lines.join('\n')}\n`)
  const { url } = await serve(t, [traceRoute([{ kind: 'file', path, origin: undefined }])])
  const response = await fetch(new URL('/inspector/trace', url))
  let characters = 0
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    characters += part.length
    await turn()
  }
  assert.equal(characters, lines.join('\n').length + 1)
  assert.deepEqual(warnings, [])
})

test('what a program says with a refusal is not waited for', async t => {
  const server = createServer((_, response) => {
    response.writeHead(401)
    response.write('It goes on')
    response.on('close', () => server.emit('left'))
  })
  server.listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const left = once(server, 'left')
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const records = liveRecords({ kind: 'live', url, token: undefined, origin: undefined }, new AbortController().signal)
  await assert.rejects(records.next(), /token/)
  await left
})
