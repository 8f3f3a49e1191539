import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { connectionAccepted, inNextTurn, nextTurn } from '../../src/turns/turn.ts'

test('who connects waits for one long turn where several came before', async t => {
  const count = 60
  let accepted = 0
  const server = createServer(socket => {
    connectionAccepted()
    accepted++
    socket.destroy()
  })
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (let each = 0; each < count; each++) connect(port, '127.0.0.1').on('error', () => {})
  let turns = 0
  for (; accepted < count; turns++) {
    const endsMs = performance.now() + 5
    while (performance.now() < endsMs);
    await nextTurn()
  }
  assert.ok(turns <= 0.7 * count, `${turns} turns for ${count} connections`)
})

test('everything goes on, in the order in which it asked to, however many connect', async () => {
  const went: number[] = []
  for (const each of [1, 2, 3]) inNextTurn(() => went.push(each))
  let turns = 0
  for (; went.length === 0; turns++) {
    connectionAccepted()
    await turnOfTheLoop()
  }
  assert.deepEqual(went, [1, 2, 3])
  assert.ok(turns <= 4, `${turns} turns`)
})
