// Who gives way when there is no room for another connection, and who is closed because nothing comes of him.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { ManageSocket } from '../../src/sockets/manage.ts'
import { SubSocket } from '../../src/sockets/sub.ts'
import { ConnectionAdmission, type Entrance, type Guest } from '../../src/sockets/zmtp/connection-admission.ts'
import { encodeFrames } from '../../src/sockets/zmtp/frame-reader.ts'
import { commandOf, greetingOf, listening, openPub, readyOf, Told } from './broker-endpoint.ts'

/** A connection without a library. */
function open(t: TestContext, port: number, type: string, ...parts: Buffer[]): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.after(() => socket.destroy())
  socket.resume()
  socket.write(Buffer.concat([greetingOf(), readyOf(type), ...parts]))
  return socket
}

const steps = fc.array(
  fc.record({
    do: fc.constantFrom('come', 'come', 'come', 'speak', 'go'),
    entrance: fc.nat({ max: 2 }),
    address: fc.constantFrom('a', 'b'),
    which: fc.nat(),
  }),
  { maxLength: 150 },
)

describe('connections', { concurrency: true }, () => {
  test('are as many as may be, and no more; who speaks stays, and every endpoint has some', () => {
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 8, max: 40 }),
        fc.integer({ min: 1, max: 20 }),
        (steps, descriptors, max) => {
          const admission = new ConnectionAdmission(descriptors)
          const entrances = Array.from({ length: 3 }, () => admission.entrance(max))
          const guests = new Map<Guest, { entrance: Entrance; speaks: boolean }>()
          for (const { do: what, entrance: at, address, which } of steps) {
            const entrance = entrances[at] as Entrance
            const guest = [...guests.keys()][which % guests.size]
            if (what === 'come') {
              const before = entrance.size
              const shortage = entrance.makeRoom()
              const known = [...guests.values()].filter(each => each.entrance === entrance && each.speaks).length
              if (shortage !== undefined) {
                assert.ok(before === known && (before >= max || before >= Math.floor(descriptors / 8)))
                continue
              }
              const newcomer: Guest = {
                address,
                break(reason) {
                  assert.equal(reason, 'gave_way')
                  assert.equal(guests.get(newcomer)?.speaks, false)
                  guests.delete(newcomer)
                },
              }
              entrance.enter(newcomer)
              guests.set(newcomer, { entrance, speaks: false })
            } else if (guest !== undefined) {
              const entry = guests.get(guest)
              if (what === 'go') guests.delete(guest)
              else if (entry) entry.speaks = true
              if (what === 'go') entry?.entrance.leave(guest)
              else entry?.entrance.known(guest)
            }
            for (const each of entrances) {
              assert.equal(each.size, [...guests.values()].filter(({ entrance }) => entrance === each).length)
              assert.ok(each.size <= max)
            }
            assert.ok(guests.size <= descriptors)
          }
        },
      ),
    )
  })

  test('of the address with most give way first, the longest there', () => {
    const entrance = new ConnectionAdmission(Number.POSITIVE_INFINITY).entrance(4)
    const gone: string[] = []
    for (const [address, name] of ['a1', 'b1', 'b2', 'c1', 'c2', 'a2'].map(name => [name.charAt(0), name] as const)) {
      assert.equal(entrance.makeRoom(), undefined)
      entrance.enter({ address, break: () => gone.push(name) })
    }
    assert.deepEqual(gone, ['b1', 'c1'])
  })

  test('to pub that join nothing of their own are closed after a time, and those that did are not', async t => {
    const mine = drawP2pTopic()
    const { port, told } = await openPub(t, { joinTimeoutMs: 30, answerTimeoutMs: 240 }, topic => topic === mine)
    const joined = open(t, port, 'SUB', commandOf('SUBSCRIBE', mine))
    await told.of(`joined ${mine}`)
    const cancelled = open(t, port, 'SUB', commandOf('SUBSCRIBE', mine), commandOf('CANCEL', mine))
    await told.of(`left ${mine}`)
    const strangers = [open(t, port, 'SUB'), open(t, port, 'SUB', commandOf('SUBSCRIBE', drawP2pTopic()))]
    for (const stranger of strangers) if (!stranger.closed) await once(stranger, 'close')
    assert.equal(told.all.filter(each => each === 'broken not_subscribed').length, 2)
    for (const socket of [joined, cancelled]) assert.equal(socket.destroyed, false)
  })

  test('to sub and manage give way until they have said something', async t => {
    const told = new Told()
    const troubles = { broken: told.note('broken'), dropped: told.note('dropped') }
    const over = { ...listening, maxConnections: 2, maxMessageBytes: 1000 }
    const note = told.note('heard')
    const sub = new SubSocket({ ...over, prefixes: [''] }, { take: () => note(), flush: async () => {} }, troubles)
    const manage = new ManageSocket(over, () => note(), troubles)
    for (const [socket, type] of [[sub, 'PUB'] as const, [manage, 'REQ'] as const]) {
      t.after(() => socket.close())
      const port = await socket.bind()
      told.all.length = 0
      const message = encodeFrames([Buffer.alloc(0), Buffer.from('x')])
      const speaker = open(t, port, type, message)
      await told.of('heard')
      const stranger = open(t, port, type)
      await once(stranger, 'data')
      const another = open(t, port, type, message)
      await told.of('heard', 2)
      // Nobody is a stranger now.
      await once(open(t, port, type), 'close')
      assert.deepEqual(told.all, ['heard', 'broken gave_way', 'heard', 'dropped max_connections'])
      for (const each of [speaker, another]) assert.equal(each.destroyed, false)
    }
  })
})
