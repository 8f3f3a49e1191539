import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { assign, createActor, createMachine, sendTo } from 'xstate'
import type { ChartActor, Inspected } from '../../src/inspector/inspected.ts'
import { Recorder, type Viewer, type Watch } from '../../src/inspector/recorder.ts'
import type { StepRecord, TraceRecord } from '../../src/inspector/trace/records.ts'

const topic = 'abcdefghijklmnopqrstuvwxyzabcdef'

/** A chart with a child, an event that changes nothing, and a secret in its context. */
const child = createMachine({
  id: 'child',
  initial: 'resting',
  states: { resting: { on: { work: 'working', look: { actions: 'look' } } }, working: { on: { rest: 'resting' } } },
})
const parent = createMachine({
  id: 'parent',
  context: { topic, count: 0 },
  invoke: { id: 'worker', src: 'child' },
  on: {
    work: { actions: sendTo('worker', { type: 'work' }) },
    count: { actions: assign({ count: ({ context }) => context.count + 1 }) },
  },
}).provide({ actors: { child: child.provide({ actions: { look: () => {} } }) } })

function start() {
  const root = createActor(parent).start() as unknown as ChartActor
  const worker = root.getSnapshot().children.worker as ChartActor
  let isAttached = 0
  const { system } = root
  const inspect = system.inspect.bind(system)
  system.inspect = observer => {
    const subscription = inspect(observer)
    isAttached++
    return {
      unsubscribe: () => {
        isAttached--
        subscription.unsubscribe()
      },
    }
  }
  const inspected: Inspected = {
    program: 'test',
    roots: [root],
    actors: () => [root, worker],
    about: () => undefined,
    figures: () => [],
    totals: () => ({ accepted: 0, refused: {}, delivered: 0, waiting: 0, refusedSends: 0, refusedPeers: 0 }),
  }
  return { root, worker, recorder: new Recorder(inspected), attached: () => isAttached }
}

/** A viewer that keeps what it is told, and takes as much as it is let. */
class Keeper implements Viewer {
  readonly records: TraceRecord[] = []
  takes = true

  take(lines: readonly string[]): boolean {
    this.records.push(...lines.map(line => JSON.parse(line)))
    return this.takes
  }

  steps(actor: ChartActor): StepRecord[] {
    return this.records.filter(
      (record): record is StepRecord => record.type === '@xstate.snapshot' && record.actor === actor.sessionId,
    )
  }
}

/** Fulfilled when a viewer has been told of every actor. */
async function told(watch: Watch): Promise<void> {
  while (!watch.isCaughtUp) await setImmediate()
}

describe('the recorder', () => {
  test('is attached from the first viewer to the last, and not a moment longer', () => {
    const { recorder, attached } = start()
    assert.equal(attached(), 0)
    const first = recorder.watch(new Keeper())
    const second = recorder.watch(new Keeper())
    assert.equal(attached(), 1)
    first.end()
    assert.equal(attached(), 1)
    second.end()
    assert.equal(attached(), 0)
  })

  test('tells definitions once, then actors as they are, then what happens', async () => {
    const { root, worker, recorder } = start()
    const viewer = new Keeper()
    const watch = recorder.watch(viewer)
    await told(watch)
    root.send({ type: 'work' })
    recorder.flush()
    watch.end()
    assert.deepEqual(
      viewer.records.filter(({ type }) => type !== 'reading').map(({ type }) => type),
      ['trace', 'definition', '@xstate.actor', 'definition', '@xstate.actor', '@xstate.snapshot', '@xstate.snapshot'],
    )
    const [step] = viewer.steps(worker)
    assert.equal(step?.source, root.sessionId)
    assert.equal(step?.snapshot?.value, 'working')
    assert.deepEqual(step?.taken, ['child.resting work 0'])
  })

  test('sums up events that change nothing, and leaves out their states', () => {
    const { worker, recorder } = start()
    const viewer = new Keeper()
    recorder.watch(viewer)
    for (let n = 0; n < 1000; n++) worker.send({ type: 'look' })
    recorder.flush()
    const [step, ...more] = viewer.steps(worker)
    assert.deepEqual(more, [])
    assert.equal(step?.count, 1000)
    assert.equal(step?.snapshot, undefined)
    assert.deepEqual(step?.actions, ['look'])
  })

  test('bounds what one batch has, and still tells what each actor came to', () => {
    const { root, recorder } = start()
    const viewer = new Keeper()
    recorder.watch(viewer)
    for (let n = 0; n < 5000; n++) root.send({ type: 'count' })
    recorder.flush()
    const steps = viewer.steps(root)
    assert.ok(steps.length <= 201)
    const last = steps.at(-1)
    assert.deepEqual(last?.snapshot?.context, { topic: 'abcdef…', count: 5000 })
    assert.equal(steps.length - 1 + (last?.skipped ?? 0), 5000)
  })

  test('skips a viewer forward that does not keep up, without keeping anything for it', async () => {
    const { root, recorder } = start()
    const viewer = new Keeper()
    const watch = recorder.watch(viewer)
    await told(watch)
    viewer.takes = false
    root.send({ type: 'count' })
    recorder.flush()
    const before = viewer.records.length
    for (let n = 0; n < 100; n++) {
      root.send({ type: 'count' })
      recorder.flush()
    }
    assert.equal(viewer.records.length, before)
    viewer.takes = true
    watch.drained()
    await told(watch)
    const [skipped, actor] = viewer.records.slice(before).filter(({ type }) => type !== 'reading')
    assert.ok(skipped?.type === 'skipped' && skipped.batches === 100)
    assert.ok(actor?.type === '@xstate.actor')
    assert.deepEqual(actor.snapshot?.context, { topic: 'abcdef…', count: 101 })
    watch.end()
  })

  test('looks at many actors a few at a time, however many look on, and at few for who leaves at once', async () => {
    const actors = Array.from({ length: 500 }, () => createActor(child).start() as unknown as ChartActor)
    const { root } = start()
    let looked = 0
    const recorder = new Recorder({
      program: 'test',
      roots: [root],
      *actors() {
        for (const actor of actors) {
          looked++
          yield actor
        }
      },
      about: () => undefined,
      figures: () => [],
      totals: () => ({ accepted: 0, refused: {}, delivered: 0, waiting: 0, refusedSends: 0, refusedPeers: 0 }),
    })
    let inTurn = 0
    let mostInTurn = 0
    class Counting extends Keeper {
      override take(lines: readonly string[]): boolean {
        const before = this.records.length
        super.take(lines)
        inTurn += this.records.slice(before).filter(({ type }) => type === '@xstate.actor').length
        mostInTurn = Math.max(mostInTurn, inTurn)
        return true
      }
    }
    for (let leaving = 0; leaving < 100; leaving++) recorder.watch(new Counting()).end()
    assert.ok(looked <= 50, `${looked} actors were looked at for nobody`)
    const viewers = Array.from({ length: 8 }, () => new Counting())
    const watches = viewers.map(viewer => recorder.watch(viewer))
    while (watches.some(watch => !watch.isCaughtUp)) {
      inTurn = 0
      await setImmediate()
    }
    assert.ok(mostInTurn <= 50, `${mostInTurn} actors in one turn`)
    for (const { records } of viewers) {
      const told = records.filter(({ type }) => type === '@xstate.actor')
      assert.deepEqual(
        told.map(record => 'actor' in record && record.actor),
        actors.map(({ sessionId }) => sessionId),
      )
    }
    for (const watch of watches) watch.end()
  })

  test('tells the end also to a viewer that does not keep up', async () => {
    const { root, recorder } = start()
    const viewer = new Keeper()
    await told(recorder.watch(viewer))
    viewer.takes = false
    root.send({ type: 'count' })
    recorder.flush()
    const before = viewer.records.length
    root.send({ type: 'count' })
    root.stop()
    recorder.finish()
    const [skipped, actor] = viewer.records.slice(before)
    assert.ok(skipped?.type === 'skipped' && skipped.batches === 1)
    assert.ok(actor?.type === '@xstate.actor')
    assert.deepEqual(actor.snapshot?.context, { topic: 'abcdef…', count: 2 })
  })

  test('watches several systems as parts of one program, and no two of their actors have one name', async () => {
    const { root, worker } = start()
    const other = createActor(child, { id: 'other' }).start() as unknown as ChartActor
    const recorder = new Recorder({
      ...{ program: 'test', roots: [root, other], about: () => undefined, figures: () => [] },
      actors: () => [root, worker, other],
      totals: () => ({ accepted: 0, refused: {}, delivered: 0, waiting: 0, refusedSends: 0, refusedPeers: 0 }),
    })
    const viewer = new Keeper()
    const watch = recorder.watch(viewer)
    await told(watch)
    other.send({ type: 'work' })
    recorder.flush()
    watch.end()
    const actors = viewer.records.filter(record => record.type === '@xstate.actor')
    assert.equal(new Set(actors.map(({ actor }) => actor)).size, 3)
    const record = actors.find(({ id }) => id === 'other')
    assert.equal(record?.parent, root.sessionId)
    const step = viewer.records.find(each => each.type === '@xstate.snapshot')
    assert.equal(step?.actor, record?.actor)
  })

  test('never throws into an actor, whatever its events hold', () => {
    const { root, worker, recorder } = start()
    const watch = recorder.watch(new Keeper())
    const hostile = {
      type: 'work',
      get trap() {
        throw new Error('never look at me')
      },
    }
    root.send(hostile)
    recorder.flush()
    assert.equal(worker.getSnapshot().value, 'working')
    worker.send({ type: 'rest' })
    recorder.flush()
    assert.equal(worker.getSnapshot().value, 'resting')
    watch.end()
  })

  test('never tells a p2p topic', async () => {
    const { root, recorder } = start()
    const viewer = new Keeper()
    const watch = recorder.watch(viewer)
    root.send({ type: 'count', topic, deep: { list: [`tcp://${topic}`], [topic]: 1 }, error: new Error(`no ${topic}`) })
    recorder.flush()
    await told(watch)
    assert.ok(viewer.steps(root).length > 0)
    assert.ok(!JSON.stringify(viewer.records).includes(topic))
    watch.end()
  })
})
