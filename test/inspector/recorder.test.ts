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
  const inspected: Inspected = {
    program: 'test',
    roots: [root],
    actors: () => [root, worker],
    about: () => undefined,
    figures: () => [],
    totals: () => ({ accepted: 0, refused: {}, delivered: 0, waiting: 0, refusedSends: 0, refusedPeers: 0 }),
  }
  return { root, worker, recorder: new Recorder(inspected) }
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
  test('tells first what led there while nobody looked, in order, and then what happens, nothing twice', async () => {
    const { root, worker, recorder } = start()
    const before = Date.now()
    root.send({ type: 'work' })
    worker.send({ type: 'rest' })
    root.send({ type: 'count' })
    const viewer = new Keeper()
    const watch = recorder.watch(viewer)
    root.send({ type: 'count' })
    await told(watch)
    root.send({ type: 'count' })
    recorder.flush()
    watch.end()
    const steps = viewer.records.filter(record => record.type === '@xstate.snapshot')
    assert.deepEqual(
      steps.map(({ actor, event, step }) => [actor === root.sessionId ? 'parent' : 'child', event.type, step]),
      [
        ['child', 'work', 1],
        ['child', 'rest', 2],
        ['parent', 'count', 3],
        ['parent', 'count', 4],
        ['parent', 'count', 5],
      ],
    )
    assert.equal(steps[0]?.source, root.sessionId)
    assert.deepEqual(steps[0]?.taken, ['child.resting work 0'])
    // What they were in before is known, and since when.
    const found = viewer.records.find(record => record.type === '@xstate.actor' && record.actor === worker.sessionId)
    assert.ok(found?.type === '@xstate.actor')
    assert.equal(found.snapshot?.value, 'resting')
    assert.ok((found.since ?? Number.POSITIVE_INFINITY) <= before)
  })

  test('tells of a crowd a few records in a turn, and a viewer that begins meanwhile has all of it as well', async () => {
    const { root, recorder } = start()
    for (let n = 0; n < 5000; n++) root.send({ type: 'count' })
    const viewers = [new Keeper(), new Keeper()]
    const watches = viewers.map(viewer => recorder.watch(viewer))
    for (const watch of watches) await told(watch)
    for (const viewer of viewers) {
      const counts = viewer.steps(root).map(({ snapshot }) => snapshot?.context)
      assert.deepEqual(
        counts,
        Array.from({ length: 20 }, (_, place) => ({ topic: 'abcdef…', count: 4981 + place })),
      )
    }
    for (const watch of watches) watch.end()
  })

  test('leaves the past out for who asks for the present: every actor as it is, and since when', async () => {
    const { worker, recorder } = start()
    worker.send({ type: 'work' })
    const working = Date.now()
    const viewer = new Keeper()
    const watch = recorder.watch(viewer, 'present')
    await told(watch)
    watch.end()
    assert.deepEqual(viewer.steps(worker), [])
    const found = viewer.records.find(record => record.type === '@xstate.actor' && record.actor === worker.sessionId)
    assert.ok(found?.type === '@xstate.actor' && found.snapshot?.value === 'working')
    assert.ok(found.since !== undefined && found.since <= working)
  })

  test('keeps the readings of the last 15 minutes, one a second, and tells them first', async t => {
    t.mock.timers.enable({ apis: ['setInterval', 'Date'] })
    let accepted = 0
    const { root } = start()
    const recorder = new Recorder({
      ...{ program: 'test', roots: [root], actors: () => [root], about: () => undefined, figures: () => [] },
      totals: () => ({ accepted: accepted++, refused: {}, delivered: 0, waiting: 0, refusedSends: 0, refusedPeers: 0 }),
    })
    for (let second = 0; second < 1000; second++) t.mock.timers.tick(1000)
    const viewer = new Keeper()
    const watch = recorder.watch(viewer)
    await told(watch)
    watch.end()
    const readings = viewer.records.filter(record => record.type === 'reading').slice(0, -1)
    assert.equal(readings.length, 900)
    assert.deepEqual(
      readings.map(({ at }) => at),
      Array.from({ length: 900 }, (_, second) => 101_000 + second * 1000),
    )
    assert.equal(readings.at(-1)?.totals.accepted, accepted - 1)
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

  test('sums up events that change nothing, and leaves out their states', async () => {
    const { worker, recorder } = start()
    const viewer = new Keeper()
    await told(recorder.watch(viewer))
    for (let n = 0; n < 1000; n++) worker.send({ type: 'look' })
    recorder.flush()
    const [step, ...more] = viewer.steps(worker)
    assert.deepEqual(more, [])
    assert.equal(step?.count, 1000)
    assert.equal(step?.snapshot, undefined)
    assert.deepEqual(step?.actions, ['look'])
  })

  test('bounds what one batch has, and still tells what each actor came to', async () => {
    const { root, recorder } = start()
    const viewer = new Keeper()
    await told(recorder.watch(viewer))
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
    looked = 0
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
