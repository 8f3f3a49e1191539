import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Chronicle, traceLimits } from '../../src/inspector/story/chronicle.ts'
import { retold } from '../../src/inspector/story/retold.ts'
import type { ActorRecord, StateProjection, TraceRecord } from '../../src/inspector/trace/records.ts'
import { savedElements, savedLine, savedPage } from '../../src/inspector/trace/saved-page.ts'

const html =
  '<html><head><title>t</title><link rel="stylesheet" href="/a.css" /></head><body><script type="module" src="/a.js"></script></body></html>'

test('whatever a trace and a link hold, nothing of it gets out of its element', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('</script>', '<!--', '<script>', '</SCRIPT ', ']]>', '$&', '%3C/script>'),
  )
  fc.assert(
    fc.property(fc.array(fc.array(text)), fc.array(text), (lists, view) => {
      const script = 'const a = "</script>"; const b = /<!--/; const c = `</Script x`'
      const { begin, end } = savedPage(
        { html, css: 'p::before { content: "</style>" }', script, worker: script },
        view.join(''),
      )
      const lines = lists.map(list => savedLine(JSON.stringify(list)))
      const page = begin + lines.join('') + end
      assert.equal(page.match(/<script/gi)?.length, 4)
      assert.equal(page.match(/<\/script/gi)?.length, 4)
      assert.equal(page.match(/<!--/g), null)
      assert.equal(page.match(/<\/style/g)?.length, 1)
      const of = (id: string) => new RegExp(`id="${id}">([^<]*)</script>`).exec(page)?.[1]
      assert.equal(decodeURI(of(savedElements.view) ?? ''), view.join(''))
      const told = (of(savedElements.trace) ?? '').split('\n').filter(line => line !== '')
      assert.deepEqual(
        told.map(line => JSON.parse(line)),
        lists,
      )
    }),
  )
})

test('a page that is not as it is built is not saved', () => {
  assert.throws(() => savedPage({ html: '<p>', css: '', script: '', worker: '' }), /not as it is built/)
})

test('what a chronicle tells again is what it kept', () => {
  const deed = fc.record({
    name: fc.constantFrom('a', 'b'),
    value: fc.nat(3),
    kind: fc.constantFrom('step', 'quiet', 'found', 'reading', 'end'),
  })
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 40 }), fc.option(fc.constant('2'), { nil: undefined }), (deeds, origin) => {
      const of = origin === undefined ? {} : { origin }
      const state = (value: number, status: StateProjection['status'] = 'active') => ({
        status,
        value,
        context: { value },
      })
      const actor = (name: string): ActorRecord => ({
        ...{
          type: '@xstate.actor',
          ...of,
          at: 0,
          actor: name,
          id: name,
          chart: 'c',
          parent: undefined,
          about: { topics: [] },
        },
      })
      const totals = { accepted: 1, refused: {}, delivered: 2, waiting: 3, refusedSends: 0, refusedPeers: 0 }
      const records: TraceRecord[] = [
        { type: 'trace', version: 1, ...of, program: 'test', pid: 1, at: 0 },
        actor('a'),
        actor('b'),
      ]
      for (const [place, { name, value, kind }] of deeds.entries()) {
        const at = (place + 1) * 1000
        const snapshot = kind === 'quiet' ? undefined : state(value, kind === 'end' ? 'done' : 'active')
        if (kind === 'reading') {
          records.push({
            type: 'reading',
            ...of,
            at,
            totals,
            actors: { [name]: { lag: value, sent: place, missed: 0, timers: [] } },
          })
        } else if (kind === 'found') {
          records.push({ ...actor(name), at, snapshot: state(value) })
        } else {
          const step = { type: '@xstate.snapshot', ...of, at, actor: name, event: { type: kind } } as const
          records.push({ ...step, ...(snapshot && { snapshot }) })
        }
      }
      const kept = new Chronicle(traceLimits)
      for (const record of records) kept.take(record)
      const again = new Chronicle(traceLimits)
      for (const record of retold(kept, new Set(['a', 'b']))) again.take(JSON.parse(JSON.stringify(record)))
      assert.deepEqual(again.steps, kept.steps)
      assert.deepEqual(totalsOf(again, origin), totalsOf(kept, origin))
      for (const [name, life] of kept.lives) {
        const other = again.lives.get(name)
        assert.deepEqual(other?.steps, life.steps)
        assert.deepEqual(other?.figuresOverTime, life.figuresOverTime)
        assert.deepEqual(other?.stateAt(again.lastIndex)?.snapshot, life.stateAt(kept.lastIndex)?.snapshot)
        assert.deepEqual(other?.about, life.about)
      }
    }),
  )
})

function totalsOf(chronicle: Chronicle, origin = '') {
  return chronicle.readingsOf(origin).map(({ at, totals }) => ({ at, totals }))
}
