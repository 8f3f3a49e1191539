import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { assign, createActor, createMachine } from 'xstate'
import type { ChartActor } from '../../src/inspector/inspected.ts'
import { fileRecords } from '../../src/inspector/merge/file-records.ts'
import { liveRecords } from '../../src/inspector/merge/live-records.ts'
import { Merge } from '../../src/inspector/merge/merge.ts'
import { checkedRecord, withOrigin } from '../../src/inspector/merge/origin.ts'
import { maxSources, nameOf, readSources } from '../../src/inspector/merge/source.ts'
import { SourceClock, TimeOrder } from '../../src/inspector/merge/time-order.ts'
import { Recorder, type Viewer } from '../../src/inspector/recorder.ts'
import { liveRoute } from '../../src/inspector/serve/live-route.ts'
import { Chronicle } from '../../src/inspector/story/chronicle.ts'
import type { SourceState, StepRecord, TraceRecord } from '../../src/inspector/trace/records.ts'
import { HttpServer } from '../../src/observe/http/server.ts'

/** As `node --expose-gc` gives it, here without the option. */
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const token = 'a-token-of-many-characters'

const head = (program: string, pid: number): TraceRecord => ({ type: 'trace', version: 1, program, pid, at: 0 })
const actor = (name: string, parent?: string): TraceRecord => {
  return { type: '@xstate.actor', at: 0, actor: name, id: name, chart: 'test', parent, about: undefined }
}
const step = (at: number, name = 'x:0'): StepRecord => {
  return { type: '@xstate.snapshot', at, actor: name, event: { type: `event ${at}` } }
}
const stepsIn = (records: readonly TraceRecord[]) => records.filter(record => record.type === '@xstate.snapshot')

/** Times of steps, in order. */
const times = fc.array(fc.nat(1000), { maxLength: 30 }).map(list => list.toSorted((one, other) => one - other))

describe('records of several programs', () => {
  test('come in order of time, each program in its own order, whatever batches they came in', () => {
    const batches = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 5 })), { maxLength: 60 })
    fc.assert(
      fc.property(fc.tuple(times, times, times), batches, (programs, plan) => {
        const order = new TimeOrder()
        const clocks = programs.map(() => new SourceClock())
        const left = programs.map((list, place) => [actor(`${place}`), ...list.map(at => step(at, `${place}`))])
        for (const [place, count] of [...plan, [0, 99] as const, [1, 99] as const, [2, 99] as const]) {
          order.add(left[place]?.splice(0, count) ?? [], clocks[place] ?? assert.fail(), 0)
        }
        assert.deepEqual(order.take(0), [], 'nothing is ripe')
        const records = order.take(1000)
        const all = stepsIn(records).map(({ at }) => at)
        assert.deepEqual(
          all,
          all.toSorted((one, other) => one - other),
        )
        for (const [place, list] of programs.entries()) {
          const own = records.filter(record => 'actor' in record && record.actor === `${place}`)
          assert.equal(own[0]?.type, '@xstate.actor')
          assert.deepEqual(
            stepsIn(own).map(({ at }) => at),
            list,
          )
        }
      }),
    )
  })

  test('are not held back without end', () => {
    const order = new TimeOrder()
    const clock = new SourceClock()
    for (let at = 0; at < 20_001; at++) order.add([step(at)], clock, 0)
    assert.equal(order.take(0).length, 20_001)
  })

  test('have names of their own, also when they are of several programs already', () => {
    const one = withOrigin({ ...step(1, 'x:1'), source: 'x:0' }, '01')
    assert.deepEqual(
      [one.origin, 'actor' in one && one.actor, 'source' in one && one.source],
      ['01', '01/x:1', '01/x:0'],
    )
    const nested = withOrigin(one, '02')
    assert.deepEqual([nested.origin, 'actor' in nested && nested.actor], ['02/01', '02/01/x:1'])
    const child = withOrigin(actor('x:1', 'x:0'), '01')
    assert.ok(child.type === '@xstate.actor' && child.parent === '01/x:0')
  })

  test('are passed over if they are none, whatever a program says', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const record = checkedRecord(value)
        if (record !== undefined) new Chronicle().take(record)
      }),
    )
    for (const value of [
      null,
      [],
      'trace',
      { type: 'trace' },
      { type: '@xstate.snapshot', at: 1, actor: 'x', event: {} },
    ]) {
      assert.equal(checkedRecord(value), undefined)
    }
  })

  test('of one program that began anew replace those of before, and no others', () => {
    const chronicle = new Chronicle()
    for (const [origin, pid] of [
      ['01', 1],
      ['02', 2],
    ] as const) {
      for (const record of [head('p', pid), actor('x:0'), step(pid)]) chronicle.take(withOrigin(record, origin))
    }
    assert.deepEqual([...chronicle.lives.keys()], ['01/x:0', '02/x:0'])
    for (const record of [head('p', 3), actor('x:9')]) chronicle.take(withOrigin(record, '01'))
    assert.deepEqual([...chronicle.lives.keys()], ['02/x:0', '01/x:9'])
    assert.deepEqual(
      chronicle.steps.map(({ actor: name }) => name),
      ['02/x:0'],
    )
    assert.equal(chronicle.step(chronicle.lastIndex)?.at, 2)
  })

  test('of trace files are merged in order', async t => {
    const directory = mkdtempSync(join(tmpdir(), 'threatbus-merge-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const files = [[1, 4, 5], [2, 3, 6], []].map((list, place) => {
      const path = join(directory, `${place}.jsonl`)
      const records = [head(`p${place}`, place), actor('x:0'), ...list.map(at => step(at))]
      writeFileSync(path, `${records.map(record => JSON.stringify(record)).join('\n')}\n{"cut off`)
      return { kind: 'file', path, origin: `0${place}` } as const
    })
    const records: TraceRecord[] = []
    for await (const record of fileRecords(files)) records.push(record)
    assert.deepEqual(
      stepsIn(records).map(({ at }) => at),
      [1, 2, 3, 4, 5, 6],
    )
    assert.equal(records.filter(({ type }) => type === 'trace').length, 3)
  })
})

describe('sources', () => {
  test('are files and addresses; a token belongs to its address, and is in no name', () => {
    const sources = readSources(
      ['trace.jsonl', `http://127.0.0.1:1/?token=${token}`, 'http://[::1]:2'],
      'another-token-here',
    )
    assert.deepEqual(
      sources.map(source => [source.kind, source.origin, source.kind === 'live' ? source.token : undefined]),
      [
        ['file', '01', undefined],
        ['live', '02', token],
        ['live', '03', 'another-token-here'],
      ],
    )
    assert.deepEqual(sources.map(nameOf), ['trace.jsonl', 'http://127.0.0.1:1', 'http://[::1]:2'])
    assert.ok(!JSON.stringify(sources.map(source => (source.kind === 'live' ? source.url : ''))).includes(token))
    assert.equal(readSources(['http://127.0.0.1:1'], undefined)[0]?.origin, undefined)
  })

  test('that can not be meant are refused, without repeating what may be a secret', () => {
    for (const text of ['http://', 'http://h/path', 'http://user:secret@h/', 'https://h:99999/']) {
      assert.throws(
        () => readSources([text, 'b'], undefined),
        (error: Error) => /source 1 is no address/.test(error.message) && !error.message.includes('secret'),
      )
    }
    assert.throws(() => readSources(Array(maxSources + 1).fill('a'), undefined), /32 sources at most/)
  })
})

const chart = createMachine({
  id: 'counting',
  context: { count: 0 },
  on: { count: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
})

/** A program with one actor that counts, and its inspector. */
async function program(t: TestContext, name: string, { port = 0, needs = undefined as string | undefined } = {}) {
  const root = createActor(chart).start() as unknown as ChartActor
  const recorder = new Recorder({
    ...{ program: name, roots: [root], actors: () => [root], about: () => undefined, figures: () => [] },
    totals: () => ({ accepted: 0, refused: {}, delivered: 0, waiting: 0, refusedSends: 0, refusedPeers: 0 }),
  })
  const server = new HttpServer(
    { host: '127.0.0.1', port, token: needs, maxConnections: 8 },
    { refused: () => {}, dropped: () => {}, failed: () => {} },
  )
  server.add(liveRoute(recorder))
  const url = await server.listen()
  t.after(() => server.close())
  return { root, recorder, url: url.href, port: Number(url.port), close: () => server.close() }
}

/** A viewer that keeps what it is told, and takes as much as it is let. */
class Keeper implements Viewer {
  readonly records: TraceRecord[] = []
  states: readonly SourceState[] = []
  takes = true
  readonly #watchers = new Set<() => void>()

  take(lines: readonly string[]): boolean {
    for (const record of lines.map(line => JSON.parse(line))) {
      if (record.type === 'sources') this.states = record.sources
      else this.records.push(record)
    }
    for (const watch of [...this.#watchers]) watch()
    return this.takes
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const watch = () => {
        if (!holds()) return
        this.#watchers.delete(watch)
        resolve()
      }
      this.#watchers.add(watch)
      watch()
    })
  }
}

function look(t: TestContext, sources: readonly string[]) {
  const viewer = new Keeper()
  const watch = new Merge(readSources(sources, undefined)).watch(viewer)
  t.after(() => watch.end())
  const actors = () => viewer.records.filter(record => record.type === '@xstate.actor')
  return { viewer, watch, actors, states: () => viewer.states.map(({ state }) => state) }
}

describe('programs that run', { concurrency: true }, () => {
  // program one ─┐
  //              ├─> merge ─> viewer
  // program two ─┘
  test('are told as one, watched only while somebody looks, with a token where one is needed', async t => {
    const one = await program(t, 'one 1.0')
    const two = await program(t, 'two 1.0', { needs: token })
    const { viewer, watch, actors, states } = look(t, [one.url, `${two.url}?token=${token}`])
    await viewer.until(() => actors().length === 2)
    assert.deepEqual(states(), ['live', 'live'])
    assert.deepEqual(new Set(actors().map(({ origin }) => origin)), new Set(['01', '02']))
    one.root.send({ type: 'count' })
    two.root.send({ type: 'count' })
    one.root.send({ type: 'count' })
    await viewer.until(() => stepsIn(viewer.records).length === 3)
    const all = stepsIn(viewer.records).map(({ at }) => at)
    assert.deepEqual(
      all,
      all.toSorted((a, b) => a - b),
    )
    assert.ok(!JSON.stringify([viewer.records, viewer.states]).includes(token))
    assert.ok(one.recorder.isWatched && two.recorder.isWatched)
    watch.end()
    while (one.recorder.isWatched || two.recorder.isWatched) await new Promise(resolve => setTimeout(resolve, 5))
  })

  test('are told no more once nobody looks, also when garbage was collected before', async t => {
    const one = await program(t, 'one 1.0')
    const [source] = readSources([one.url], undefined)
    assert.ok(source?.kind === 'live')
    const ending = new AbortController()
    const batches = liveRecords(source, ending.signal)
    assert.equal((await batches.next()).value?.[0]?.type, 'trace')
    // What a weak reference gave stays until the event loop's next turn.
    await new Promise(resolve => setImmediate(resolve))
    collectGarbage()
    ending.abort()
    one.root.send({ type: 'count' })
    one.recorder.flush()
    const readOn = async () => {
      for await (const batch of batches) assert.deepEqual(stepsIn(batch), [])
    }
    await assert.rejects(readOn, { name: 'AbortError' })
    while (one.recorder.isWatched) await new Promise(resolve => setTimeout(resolve, 5))
  })

  test('that go away, were never there, or want another token are shown as broken, and asked again', async t => {
    const one = await program(t, 'one 1.0')
    const two = await program(t, 'two 1.0', { needs: token })
    const { viewer, actors, states } = look(t, [one.url, two.url])
    await viewer.until(() => states().join() === 'live,broken' && actors().length === 1)
    assert.equal(viewer.states[1]?.because, 'its token is missing or wrong')
    await one.close()
    await viewer.until(() => viewer.states[0]?.because === 'nothing listens there')
    await program(t, 'one 1.0', { port: one.port })
    await viewer.until(() => states()[0] === 'live' && actors().length === 2)
  })

  test('are not read while the viewer takes nothing, which is skipped forward then', async t => {
    const one = await program(t, 'one 1.0')
    const { viewer, watch, actors } = look(t, [one.url])
    await viewer.until(() => actors().length === 1)
    viewer.takes = false
    let sent = 0
    const filler = 'x'.repeat(200)
    const busy = setInterval(() => {
      for (let n = 0; n < 200; n++, sent++) one.root.send({ type: 'count', a: filler, b: filler, c: filler, d: filler })
      one.recorder.flush()
    }, 1)
    t.after(() => clearInterval(busy))
    // What the sockets between hold is full at some time: the program then has a viewer that does not keep up.
    const before = viewer.records.length
    while (sent < 200_000) await new Promise(resolve => setTimeout(resolve, 5))
    clearInterval(busy)
    assert.ok(viewer.records.length < before + 2000, `${viewer.records.length}`)
    viewer.takes = true
    watch.drained()
    await viewer.until(() => JSON.stringify(actors().at(-1)?.snapshot?.context) === JSON.stringify({ count: sent }))
    assert.ok(viewer.records.some(({ type }) => type === 'skipped'))
  })
})
