import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BrokerProcess, startBroker } from './broker-process.ts'
import { indicator, publisher, type Receiver, receive, request, sighting } from './wire.ts'

/** What a subscriber should have: everything published after its subscription that its topics cover, in order. */
interface ModelSubscriber {
  readonly topics: readonly string[]
  readonly expected: string[]
  receiver: Receiver | undefined
}

/** The simplest model of the bus: subscriptions by p2p topic. */
interface Model {
  readonly subscribers: Map<string, ModelSubscriber>
  readonly gone: string[]
}

/** The bus itself, and one publisher. */
interface Real {
  readonly broker: BrokerProcess
  readonly send: (frame: string) => Promise<void>
  /** A subscriber of everything: when it has a message, the broker has routed it to all. */
  readonly witness: Receiver
  published: number
  readonly connect: (topic: string) => Receiver
}

type Command = fc.AsyncCommand<Model, Real>

const chosen = (model: Model, index: number) => [...model.subscribers][index % Math.max(1, model.subscribers.size)]

const subscribe = (topics: readonly string[]): Command => ({
  check: () => true,
  async run(model: Model, { broker }: Real) {
    const reply = await request(broker.manage, { action: 'subscribe', topic: topics })
    assert.equal(reply.status, 'success')
    assert.ok(!model.subscribers.has(reply.topic))
    model.subscribers.set(reply.topic, { topics, expected: [], receiver: undefined })
  },
  toString: () => `subscribe(${topics})`,
})

const join = (index: number): Command => ({
  check: (model: Readonly<Model>) => chosen(model, index)?.[1].receiver === undefined && model.subscribers.size > 0,
  async run(model: Model, real: Real) {
    const [topic, subscriber] = chosen(model, index) as [string, ModelSubscriber]
    subscriber.receiver = real.connect(topic)
  },
  toString: () => `join(${index})`,
})

const publish = (types: readonly ('indicator' | 'sighting')[]): Command => ({
  check: () => true,
  async run(model: Model, real: Real) {
    for (const type of types) {
      const body = type === 'indicator' ? indicator() : sighting()
      await real.send(`stix2/${type} ${body}`)
      for (const [topic, { topics, expected }] of model.subscribers) {
        if (topics.some(each => `stix2/${type}`.startsWith(each))) expected.push(`${topic}${type} ${body}`)
      }
    }
    real.published += types.length
    await real.witness.received(real.published)
  },
  toString: () => `publish(${types})`,
})

const unsubscribe = (index: number): Command => ({
  check: (model: Readonly<Model>) => model.subscribers.size > 0,
  async run(model: Model, { broker }: Real) {
    const [topic, subscriber] = chosen(model, index) as [string, ModelSubscriber]
    await subscriber.receiver?.received(subscriber.expected.length)
    assert.deepEqual(await request(broker.manage, { action: 'unsubscribe', topic }), { status: 'success' })
    model.subscribers.delete(topic)
    model.gone.push(topic)
  },
  toString: () => `unsubscribe(${index})`,
})

const heartbeat = (index: number): Command => ({
  check: () => true,
  async run(model: Model, { broker }: Real) {
    const known = chosen(model, index)?.[0]
    if (known) assert.equal((await request(broker.manage, { action: 'heartbeat', topic: known })).status, 'success')
    const gone = model.gone[index % Math.max(1, model.gone.length)]
    if (gone) assert.equal((await request(broker.manage, { action: 'heartbeat', topic: gone })).status, 'error')
  },
  toString: () => `heartbeat(${index})`,
})

const nonsense = (parts: readonly string[]): Command => ({
  check: () => true,
  async run(_: Model, { broker, send }: Real) {
    assert.notEqual((await request(broker.manage, ...parts)).status, 'success')
    await send(`stix2/indicator ${parts.join()}`)
  },
  toString: () => `nonsense(${JSON.stringify(parts)})`,
})

const topics = fc.uniqueArray(fc.constantFrom('stix2', 'stix2/', 'stix2/indicator', 'stix2/sighting', 'stix2/s', 'x'), {
  minLength: 1,
  maxLength: 3,
})
const commands = fc.commands(
  [
    topics.map(subscribe),
    fc.nat(100).map(join),
    fc.array(fc.constantFrom('indicator', 'sighting'), { minLength: 1, maxLength: 20 }).map(publish),
    fc.nat(100).map(unsubscribe),
    fc.nat(100).map(heartbeat),
    fc.array(fc.string(), { minLength: 1, maxLength: 3 }).map(nonsense),
  ],
  { maxCommands: 40 },
)

test('the broker does what a simple model does, whoever subscribes, joins, publishes, leaves and when', async t => {
  const broker = await startBroker(t)
  const { send } = await publisher(t, broker.sub)
  await fc.assert(
    fc.asyncProperty(commands, async each => {
      const model: Model = { subscribers: new Map(), gone: [] }
      const watching = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
      const receivers: Receiver[] = []
      const connect = (topic: string) => {
        const receiver = receive(t, broker.pub, topic)
        receivers.push(receiver)
        return receiver
      }
      const witness = connect(watching.topic)
      const real: Real = {
        broker,
        send: async frame => {
          await send(frame)
        },
        witness,
        published: 0,
        connect,
      }
      await fc.asyncModelRun(() => ({ model, real }), each)
      for (const [topic, { expected, receiver }] of model.subscribers) {
        const frames = await (receiver ?? connect(topic)).received(expected.length)
        assert.deepEqual(frames, expected)
        await request(broker.manage, { action: 'unsubscribe', topic })
      }
      await request(broker.manage, { action: 'unsubscribe', topic: watching.topic })
      for (const receiver of receivers) receiver.close()
    }),
    { numRuns: 25 },
  )
})
