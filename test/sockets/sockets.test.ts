import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { Dealer, Request, Router, type Socket, XPublisher } from 'zeromq'
import { startIoThreads } from '../../src/sockets/io-threads.ts'
import { ManageSocket } from '../../src/sockets/manage.ts'
import { SubSocket } from '../../src/sockets/sub.ts'

const threads = startIoThreads(1)
const common = { io: threads.delivery, ipv6: false, maxMessageBytes: 100_000, receiveHighWaterMark: 100 }
/** An address to bind, and the one to connect to once the port is known. */
interface Transport {
  readonly name: string
  address(t: TestContext): string
}

const transports: readonly Transport[] = [
  { name: 'tcp', address: () => 'tcp://127.0.0.1:0' },
  {
    name: 'ipc',
    address: t => {
      const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
      t.after(() => rmSync(directory, { recursive: true }))
      return `ipc://${join(directory, 'socket')}`
    },
  },
]

/** Binds, and answers where to connect. */
async function bound(socket: { bind(address: string): Promise<number> }, address: string): Promise<string> {
  const port = await socket.bind(address)
  return address.startsWith('tcp:') ? `tcp://127.0.0.1:${port}` : address
}

function connected<Kind extends Socket & { connect(address: string): void }>(t: TestContext, socket: Kind, to: string) {
  t.after(() => socket.close())
  socket.connect(to)
  return socket
}

for (const count of [1, 2, 16]) {
  test(`manage has an I/O thread of its own beside ${count}`, async t => {
    const { manage, delivery } = startIoThreads(count)
    assert.equal(manage.affinity & delivery.affinity, 0, 'a request would wait for what is being sent')
    // ZeroMQ refuses to bind where no thread is (EMTHREAD): each must serve alone.
    for (let thread = 1; thread <= manage.affinity + delivery.affinity; thread *= 2) {
      const router = new Router({ context: delivery.context, affinity: thread })
      t.after(() => router.close())
      await router.bind('tcp://127.0.0.1:0')
    }
    assert.equal(manage.affinity + delivery.affinity, 2 ** (count + 1) - 1, 'a thread would be idle')
  })
}

for (const { name, address } of transports) {
  describe(`over ${name}`, () => {
    test('manage answers each client, whatever its envelope', async t => {
      // REQ, DEALER ──▶ ROUTER ──▶ REQ, DEALER
      const manage = new ManageSocket({ ...common, io: threads.manage, lingerMs: () => 0 })
      t.after(() => manage.close())
      const to = await bound(manage, address(t))
      manage.serve(({ route, parts }) => manage.reply(route, `${parts.length}:${parts.join()}`))
      const req = connected(t, new Request({ linger: 0 }), to)
      await req.send('a')
      assert.equal(String(await req.receive()), '1:a')
      await req.send(['a', 'b'])
      assert.equal(String(await req.receive()), '2:a,b')
      const dealer = connected(t, new Dealer({ linger: 0 }), to)
      await dealer.send(['', 'c'])
      assert.deepEqual((await dealer.receive()).map(String), ['', '1:c'])
      await dealer.send('d')
      assert.deepEqual((await dealer.receive()).map(String), ['1:d'])
    })

    test('sub hands over what has arrived in batches, in order', async t => {
      const sub = new SubSocket({ ...common, prefixes: ['stix2/'] })
      t.after(() => sub.close())
      const to = await bound(sub, address(t))
      const publisher = connected(t, new XPublisher({ linger: 0, sendHighWaterMark: 0 }), to)
      const taken: string[] = []
      let flushes = 0
      let done = () => {}
      const finished = new Promise<void>(resolve => {
        done = resolve
      })
      sub.serve(
        parts => taken.push(parts.map(String).join('|')),
        async () => {
          flushes++
          if (taken.length === 1001) done()
        },
      )
      await publisher.receive()
      for (let count = 0; count < 1000; count++) await publisher.send(`stix2/${count}`)
      await publisher.send('other/1')
      await publisher.send(['stix2/a', 'b'])
      await finished
      const expected = Array.from({ length: 1000 }, (_, count) => `stix2/${count}`)
      assert.deepEqual(taken, [...expected, 'stix2/a|b'])
      assert.ok(flushes >= 4, 'no batch is larger than 256')
    })
  })
}
