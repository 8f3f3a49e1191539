// Large messages are checked beside all else: a publisher waits for its own, and nobody for another's.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Dealer } from 'zeromq'
import { startBroker } from './broker-process.ts'
import { inspectorOf, scrape } from './monitored.ts'
import { indicator, publisher, receive, request } from './wire.ts'

const mib = 1_048_576

/** A valid indicator of so many bytes, of the kind that takes longest to check. */
function longPattern(bytes: number): string {
  return indicator({ pattern: `[a:b = 1]${' OR [a:b = 1]'.repeat(bytes / 13)}` })
}

describe('while large messages are checked', { concurrency: true }, () => {
  test('manage answers others, each client in order, and all is stored', async t => {
    const broker = await startBroker(t, { inspector: { port: 0 } })
    const inspector = await inspectorOf(broker)
    const dealers = Array.from({ length: 4 }, () => new Dealer({ linger: 0 }))
    let answered = 0
    const answers = dealers.map(async dealer => {
      t.after(() => dealer.close())
      dealer.connect(`tcp://127.0.0.1:${broker.manage}`)
      const publish = { action: 'publish', topic: 'stix2/indicator', message: JSON.parse(longPattern(8 * mib)) }
      await dealer.send(['1', '', JSON.stringify(publish)])
      await dealer.send(['2', '', JSON.stringify({ action: 'nonsense' })])
      const [first, second] = [await dealer.receive(), await dealer.receive()].map(([id, , reply]) => ({
        id: String(id),
        status: JSON.parse(String(reply)).status,
      }))
      answered++
      return [first, second]
    })
    while ((await scrape(inspector)).get('threatbus_unchecked_bytes') === 0);
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2/sighting' })
    assert.deepEqual(await request(broker.manage, { action: 'heartbeat', topic }), { status: 'success' })
    assert.ok(answered < dealers.length)
    const replies = (await Promise.all(answers)).flat()
    // What can be said at once may overtake what waits for the disk.
    const statuses = replies.map(each => `${each?.id} ${each?.status}`).sort()
    assert.deepEqual(statuses, [...Array(4).fill('1 success'), ...Array(4).fill('2 unknown request')])
    assert.equal((await scrape(inspector)).get('threatbus_unchecked_bytes'), 0)
  })

  test('messages of others arrive, and those of their publisher behind them', async t => {
    const broker = await startBroker(t, { inspector: { port: 0 } })
    const inspector = await inspectorOf(broker)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const receiver = receive(t, broker.pub, topic)
    const [slow, other] = [await publisher(t, broker.sub), await publisher(t, broker.sub)]
    const long = Array.from({ length: 3 }, () => longPattern(8 * mib))
    const [last, mine] = [indicator(), indicator()]
    for (const body of [...long, last]) await slow.send(`stix2/indicator ${body}`)
    while ((await scrape(inspector)).get('threatbus_unchecked_bytes') === 0);
    await other.send(`stix2/indicator ${mine}`)
    const frames = await receiver.received(5)
    const bodies = frames.map(frame => frame.slice(`${topic}indicator `.length))
    assert.ok(bodies.indexOf(mine) < bodies.indexOf(last))
    assert.deepEqual(
      bodies.filter(body => body !== mine),
      [...long, last],
    )
  })
})
