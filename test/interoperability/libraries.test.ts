import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type BrokerProcess, startBroker } from '../system/broker-process.ts'
import type { LogLine } from '../system/log-lines.ts'
import { indicator, publisher, sighting } from '../system/wire.ts'
import { type Application, startApplication } from './application.ts'
import { askSubscriber } from './raw-publisher.ts'

const program = (name: string) => fileURLToPath(new URL(`../../../test/interoperability/${name}`, import.meta.url))
const classPath = ['bsh', 'jeromq'].map(name => `/usr/share/java/${name}.jar`).join(':')

/** The libraries that Debian (install-libraries.sh) and npm have, the command that runs a program on them, and what they speak. */
const libraries = [
  // Debian's own interpreter, for which its packages are.
  { name: 'pyzmq', command: ['/usr/bin/python3', program('pyzmq.py')], zmtp: '3.1' },
  { name: 'CZMQ', command: ['/usr/bin/python3', program('czmq.py')], zmtp: '3.1' },
  { name: 'PHP', command: ['/usr/bin/php', program('php.php')], zmtp: '3.1' },
  { name: 'Perl', command: ['/usr/bin/perl', program('perl.pl')], zmtp: '3.1' },
  { name: 'JeroMQ', command: ['java', '-cp', classPath, 'bsh.Interpreter', program('jeromq.bsh')], zmtp: '2.0' },
  {
    name: 'zeromq.js',
    command: [process.execPath, fileURLToPath(new URL('zeromq-js.js', import.meta.url))],
    zmtp: '3.1',
  },
] as const

/** Messages as they are published: none like another, the longest in a frame of 100 kB, one with letters beyond ASCII. */
function someMessages(): string[] {
  const indicators = Array.from({ length: 200 }, (_, index) => `stix2/indicator ${indicator({ x_serial: index })}`)
  const long = `stix2/indicator ${indicator({ description: 'x'.repeat(100_000) })}`
  return [...indicators, long, `stix2/sighting ${sighting({ description: 'späti ☕ \u2028' })}`]
}

/** The frames by which a subscriber gets messages, as bytes in Latin-1. */
function framesOf(topic: string, messages: readonly string[]): string[] {
  return messages.map(message => Buffer.from(message.replace('stix2/', topic)).toString('latin1'))
}

/** Subscribes to everything and joins, as every application begins. Answers the p2p topic. */
async function begin(application: Application, broker: BrokerProcess): Promise<string> {
  const { topic } = await application.request(broker, { action: 'subscribe', topic: 'stix2' })
  application.join(broker.pub, topic)
  return topic
}

const tells =
  (topic: string, sentence: string) =>
  ({ subscriber, msg }: LogLine) =>
    subscriber === `${topic.slice(0, 6)}…` && msg.startsWith(sentence)

// What a library waits for in vain it waits for without end.
const atMost = { timeout: 60_000 }

for (const { name, command, zmtp } of libraries) {
  // application ── manage, sub ▶ broker ── pub ▶ application
  describe(`an application on ${name}`, () => {
    test(
      'subscribes, publishes, gets back what it published, byte for byte and in order, and unsubscribes',
      atMost,
      async t => {
        const broker = await startBroker(t)
        const application = startApplication(t, command)
        const topic = await begin(application, broker)
        const messages = someMessages()
        application.publish(broker, messages)
        assert.deepEqual(await application.receive(messages.length), framesOf(topic, messages))
        for (const action of ['heartbeat', 'unsubscribe']) {
          assert.deepEqual(await application.request(broker, { action, topic }), { status: 'success' })
        }
        assert.equal((await application.request(broker, { action: 'heartbeat', topic })).status, 'error')
      },
    )

    test('is stale after it was killed', atMost, async t => {
      const broker = await startBroker(t)
      const application = startApplication(t, command)
      const topic = await begin(application, broker)
      await broker.logged(tells(topic, 'joined'))
      application.kill()
      assert.equal((await broker.logged(tells(topic, 'stale'))).reason, 'disconnected')
    })

    test('goes on when the broker has been started again', atMost, async t => {
      const broker = await startBroker(t)
      const application = startApplication(t, command)
      const topic = await begin(application, broker)
      const messages = someMessages()
      application.publish(broker, messages)
      await application.receive(messages.length)
      await broker.stop()
      const next = await startBroker(t, {}, broker)
      const { send } = await publisher(t, next.sub)
      const message = `stix2/indicator ${indicator()}`
      await send(message)
      // It does not say what it received, so some of it may come again.
      const frames = framesOf(topic, [...messages, message])
      const received: string[] = []
      while (received.at(-1) !== frames.at(-1)) received.push(...(await application.receive(1)))
      assert.deepEqual(received, frames.slice(-received.length))
      assert.deepEqual(await application.request(next, { action: 'heartbeat', topic }), { status: 'success' })
    })

    test(
      zmtp === '2.0' ? 'speaks ZMTP 2.0' : `speaks ZMTP ${zmtp}, and answers a PING with its context`,
      atMost,
      async t => {
        const application = startApplication(t, command)
        const message = 'topic message'
        const said = await askSubscriber(t, port => application.join(port, 'topic'), message, 'context')
        if (zmtp === '2.0') return assert.deepEqual(said, { zmtp })
        assert.deepEqual(said, { zmtp, pong: 'context' })
        assert.deepEqual(await application.receive(1), [message])
      },
    )
  })
}

test("the page's table of libraries says what is tried here, and what it speaks", () => {
  const page = readFileSync(new URL('../../../src/protocol/README.md', import.meta.url), 'utf8')
  const rows = page.matchAll(/^\| (?<name>.+) \| .+ \| (?<zmtp>.+) \| here \|/gm)
  const said = Array.from(rows, ({ groups }) => `${groups?.name} ${groups?.zmtp}`)
  assert.deepEqual(said.sort(), libraries.map(({ name, zmtp }) => `${name} ${zmtp}`).sort())
})
