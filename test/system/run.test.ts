import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { transform } from 'esbuild'
import { parse } from 'yaml'
import { startBroker } from './broker-process.ts'
import { startCommand, startNode, temporaryFile } from './command-process.ts'
import { indicator, publisher, type Receiver, receive, request } from './wire.ts'

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')

/** A line of the page's conversation. */
interface Shown {
  readonly isSent: boolean
  readonly frame: string
}

/** What each block of the page's conversation sends (→) and gets (←). */
const conversation = Array.from(readme.matchAll(/```text\n([→←][^`]*)```/g), ([, block = '']) =>
  block
    .trim()
    .split('\n')
    .map(line => ({ isSent: line.startsWith('→ '), frame: line.slice(2) })),
)

describe('threatbus', { concurrency: true }, () => {
  test('demo shows indicators arriving and a sighting going back, and ends', async t => {
    const { code, lines } = await startCommand(t, 'demo').ended
    assert.equal(code, 0)
    assert.equal(lines.filter(line => line.startsWith('tool      received ')).length, 8)
    assert.ok(lines.some(line => line.startsWith('platform  received the sighting of indicator--')))
    assert.match(String(lines.at(-1)), /^broker {4}stopped/)
  })

  test('check prints the configuration in effect, which is a configuration itself', async t => {
    const { code, lines } = await startCommand(t, 'check', '-c', 'config/threatbus.yaml').ended
    assert.equal(code, 0)
    assert.equal(parse(lines.join('\n')).plugins.apps.zmq.manage, 13370)
  })

  test('check does not print the token', async t => {
    const token = 'a-token-of-many-characters'
    const file = temporaryFile(t, 'config.yaml', `inspector: {token: ${token}}`)
    const { code, lines } = await startCommand(t, 'check', '-c', file).ended
    assert.deepEqual([code, lines.join().includes(token)], [0, false])
  })

  test('check tells the mistakes of a configuration that is not there', async t => {
    const { code, stderr } = await startCommand(t, 'check', '-c', 'no-such-file.yaml').ended
    assert.equal(code, 78)
    assert.match(stderr, /no-such-file\.yaml/)
  })
})

describe('the README', () => {
  test('shows an application that answers an indicator with a sighting', async t => {
    // publisher ── indicator ─▶ broker ─▶ the application of the README ── sighting ─▶ broker ─▶ witness
    const broker = await startBroker(t)
    const witness = await request(broker.manage, { action: 'subscribe', topic: 'stix2/sighting' })
    const seen = receive(t, broker.pub, `${witness.topic}sighting`)
    const [, source] = /```ts\n(.*?)```/s.exec(readme) ?? []
    assert.ok(source)
    // As TypeScript makes it: Node 20 does not know `await using`.
    const { code } = await transform(source, { loader: 'ts', target: 'node20' })
    const script = code
      .replace('"threatbus"', `'${new URL('../../src/index.js', import.meta.url)}'`)
      .replace('13370', String(broker.manage))
    const application = startNode(t, '--input-type=module', '--eval', script)
    await broker.logged(({ msg, topics }) => msg === 'subscribed' && String(topics) === 'stix2/indicator')
    const { send } = await publisher(t, broker.sub)
    const body = indicator()
    await send(`stix2/indicator ${body}`)
    const [frame] = await seen.received(1)
    const sighting = JSON.parse(String(frame).slice(`${witness.topic}sighting `.length))
    assert.equal(sighting.sighting_of_ref, JSON.parse(body).id)
    assert.deepEqual(await application.printed(1), ["[domain-name:value = 'evil.example']"])
  })

  test('shows the bytes that are sent and received, but for secrets and ports', async t => {
    // every frame of the page, in its order: requests ─▶ manage, a message ─▶ pub ─▶ subscriber, and one on sub
    const [requests = [], received = [], published = [], asked = []] = conversation
    const broker = await startBroker(t)
    /** What the page has for what is drawn, or decided by the system. */
    const real = new Map<string, string>()
    const here = (text: string) => [...real].reduce((text, [shown, actual]) => text.replaceAll(shown, actual), text)
    const seen: Receiver[] = []
    const tell = async ({ frame: sent }: Shown, { frame: expected }: Shown) => {
      const text = JSON.stringify(await request(broker.manage, here(sent)))
      if (sent.includes('"subscribe"')) {
        const [shown, actual] = [JSON.parse(expected), JSON.parse(text)]
        assert.match(shown.topic, /^[a-z]{32}$/)
        for (const key of ['topic', 'pub_port', 'sub_port']) real.set(shown[key], actual[key])
        const { topic } = actual
        seen.push(receive(t, broker.pub, topic))
        await broker.logged(
          ({ msg, subscriber }) => msg.startsWith('joined') && topic.startsWith(subscriber?.toString().slice(0, 6)),
        )
      }
      assert.equal(text, here(expected))
    }
    const unsubscribing = requests.findIndex(({ frame }) => frame.includes('"unsubscribe"'))
    for (let at = 0; at < unsubscribing; at += 2) await tell(requests[at] as Shown, requests[at + 1] as Shown)
    assert.deepEqual(
      await seen[0]?.received(1),
      received.map(({ frame }) => here(frame)),
    )

    const { send } = await publisher(t, broker.sub)
    for (const { frame } of published) await send(frame)
    assert.equal(
      (await seen[1]?.received(2))?.[1],
      `${real.get(String(JSON.parse(requests[3]?.frame ?? '').topic))}${published[0]?.frame.slice('stix2/'.length)}`,
    )

    const wish = { action: 'subscribe', topic: 'stix2/indicator', snapshot: 30 }
    const requester = receive(t, broker.pub, (await request(broker.manage, wish)).topic)
    const [question = '', answer = ''] = asked.map(({ frame }) => frame)
    const [, asking = ''] = (await seen[0]?.received(2)) ?? []
    const idIn = (text: string) => /"snapshot_id":"(.+?)"/.exec(text)?.[1] ?? ''
    real.set(idIn(question), idIn(asking))
    assert.equal(asking, here(question))
    await send(here(answer))
    const body = JSON.stringify(JSON.parse(answer.slice(answer.indexOf(' '))).body)
    assert.ok((await requester.received(2))[1]?.endsWith(`indicator ${body}`))

    for (let at = unsubscribing; at < requests.length; at += 2)
      await tell(requests[at] as Shown, requests[at + 1] as Shown)
  })
})
