/** The broker with a history, a process that is killed now and then, against a model: an array. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { Subscriber } from 'zeromq'
import { type BrokerProcess, startBroker } from './broker-process.ts'
import { indicator, request, sighting } from './wire.ts'

interface Published {
  readonly type: 'indicator' | 'sighting'
  readonly id: string
  readonly removed: boolean
  readonly body: string
}

/** A subscriber that says what it received, and may read nothing for a while. */
class Application {
  readonly frames: string[] = []
  readonly topic: string
  readonly types: readonly string[]
  /** What the snapshot has, and how much was published before. */
  readonly snapshot: readonly Published[]
  readonly since: number
  #socket: Subscriber | undefined
  #resume: (() => void) | undefined
  #gate: Promise<void> = Promise.resolve()

  constructor(topic: string, types: readonly string[], snapshot: readonly Published[], since: number) {
    this.topic = topic
    this.types = types
    this.snapshot = snapshot
    this.since = since
  }

  get isConnected(): boolean {
    return this.#socket !== undefined
  }

  /** What it should have received of a log, in order. */
  expected(log: readonly Published[]): readonly string[] {
    const live = log.slice(this.since).filter(({ type }) => this.types.includes(type))
    return [...this.snapshot, ...live].map(({ type, body }) => `${type} ${body}`)
  }

  /** What it received, without what it was asked. */
  get received(): readonly string[] {
    return this.frames.filter(frame => !frame.startsWith('snapshotrequest '))
  }

  connect(t: TestContext, port: number): void {
    const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 5, reconnectInterval: 20 })
    t.after(() => socket.close())
    this.#socket = socket
    socket.connect(`tcp://127.0.0.1:${port}`)
    socket.subscribe(this.topic)
    const read = async () => {
      for await (const [frame] of socket) {
        if (this.#socket !== socket) return
        this.frames.push(String(frame).slice(this.topic.length))
        await this.#gate
      }
    }
    read().catch(() => {})
  }

  disconnect(): void {
    this.#socket?.close()
    this.#socket = undefined
  }

  pause(): void {
    this.#gate = new Promise(resolve => {
      this.#resume = resolve
    })
  }

  resume(): void {
    this.#resume?.()
    this.#gate = Promise.resolve()
  }

  /** Says what it received, once it has read what its connection still held. */
  async confirm({ manage }: BrokerProcess): Promise<void> {
    for (let before = -1; before !== this.frames.length; await sleep(60)) before = this.frames.length
    const { topic, frames } = this
    await request(manage, { action: 'heartbeat', topic, received: frames.length })
  }
}

interface Model {
  readonly log: Published[]
  readonly applications: Application[]
}

interface Real {
  readonly t: TestContext
  broker: BrokerProcess
}

type Command = fc.AsyncCommand<Model, Real>

const chosen = ({ applications }: Model, index: number) => applications[index % applications.length] as Application
const hasAny = ({ applications }: Readonly<Model>) => applications.length > 0

const command = (
  name: string,
  run: (model: Model, real: Real) => Promise<void>,
  check = (_: Readonly<Model>) => true,
) => ({ check, run, toString: () => name }) satisfies Command

const publish = (kinds: readonly ('indicator' | 'sighting' | 'change' | 'removal')[]) =>
  command(`publish(${kinds})`, async ({ log }, { broker }) => {
    const published = kinds.map((kind, index): Published => {
      const old = log[(log.length + 7 * index) % Math.max(1, log.length)]
      const isNew = kind === 'indicator' || kind === 'sighting' || old === undefined
      if (isNew) {
        const type = kind === 'sighting' ? 'sighting' : 'indicator'
        const body = type === 'sighting' ? sighting() : indicator()
        return { type, id: JSON.parse(body).id, removed: false, body }
      }
      const removed = kind === 'removal'
      const body = JSON.stringify({ ...JSON.parse(old.body), revoked: removed, x_n: log.length + index })
      return { type: old.type, id: old.id, removed, body }
    })
    const message = `{"action":"publish","topic":"stix2/","message":[${published.map(({ body }) => body).join()}]}`
    assert.equal((await request(broker.manage, message)).status, 'success')
    log.push(...published)
  })

const subscribe = (topics: readonly string[], snapshot: number) =>
  command(`subscribe(${topics}, ${snapshot})`, async ({ log, applications }, { broker }) => {
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: topics, snapshot, received: 0 })
    const types = ['indicator', 'sighting'].filter(type => topics.some(each => `stix2/${type}`.startsWith(each)))
    const latest = new Map(log.map(each => [each.id, each]))
    const selected = log.filter(each => latest.get(each.id) === each && !each.removed && types.includes(each.type))
    applications.push(new Application(topic, types, snapshot > 0 ? selected : [], log.length))
  })

const on = (name: string, act: (application: Application, real: Real) => Promise<void> | void) => (index: number) =>
  command(`${name}(${index})`, async (model, real) => act(chosen(model, index), real), hasAny)

const join = on('join', async (application, { t, broker }) => {
  if (application.isConnected) return
  application.connect(t, broker.pub)
  await application.confirm(broker)
})
const leave = on('leave', application => application.disconnect())
const pause = on('pause', application => application.pause())
const resume = on('resume', application => application.resume())
const heartbeat = on('heartbeat', (application, { broker }) => application.confirm(broker))

const restart = command('restart()', async ({ applications }, real) => {
  await real.broker.stop('SIGKILL')
  for (const application of applications) application.resume()
  real.broker = await startBroker(real.t, settings, real.broker)
  for (const application of applications) await application.confirm(real.broker)
})

/** Little is in memory, so that what is on disk is read as well. */
const settings = { history: { recent_bytes: 65_536, page_cache_bytes: 0 } }

const kind = fc.constantFrom('indicator' as const, 'sighting' as const, 'change' as const, 'removal' as const)
const topics = fc.constantFrom(
  ['stix2'],
  ['stix2/indicator'],
  ['stix2/sighting'],
  ['stix2/ind', 'stix2/sighting'],
  ['x'],
)
const commands = fc.commands(
  [
    fc.array(kind, { minLength: 1, maxLength: 60 }).map(publish),
    fc.array(kind, { minLength: 1, maxLength: 60 }).map(publish),
    fc.tuple(topics, fc.constantFrom(0, 1)).map(([each, snapshot]) => subscribe(each, snapshot)),
    fc.nat(20).map(join),
    fc.nat(20).map(leave),
    fc.nat(20).map(pause),
    fc.nat(20).map(resume),
    fc.nat(20).map(heartbeat),
    fc.constant(restart),
  ],
  { maxCommands: 25 },
)

test('everybody has everything once, in order, whoever pauses, leaves, comes back, and when the broker is killed', async t => {
  await fc.assert(
    fc.asyncProperty(commands, async each => {
      const model: Model = { log: [], applications: [] }
      const real: Real = { t, broker: await startBroker(t, settings) }
      await fc.asyncModelRun(() => ({ model, real }), each)
      for (const application of model.applications) {
        application.resume()
        if (!application.isConnected) {
          application.connect(t, real.broker.pub)
          await application.confirm(real.broker)
        }
        const expected = application.expected(model.log)
        for (let waits = 0; application.received.length < expected.length && waits < 500; waits++) await sleep(20)
        assert.deepEqual(application.received, expected)
        application.disconnect()
      }
      await real.broker.stop('SIGKILL')
    }),
    { numRuns: 3, endOnFailure: true },
  )
})
