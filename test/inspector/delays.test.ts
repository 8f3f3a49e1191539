import assert from 'node:assert/strict'
import { test } from 'node:test'
import { charts } from '../../.tools/chart-pictures.ts'
import { delayWords } from '../../src/inspector/story/delays.ts'
import { definitionOf, type StateDefinition } from '../../src/inspector/trace/definition.ts'

function delaysIn(state: StateDefinition): string[] {
  return [...state.transitions.flatMap(({ delay }) => delay ?? []), ...state.states.flatMap(delaysIn)]
}

test('every timer of every chart is told in words, not by its name', () => {
  const timers = [...charts.values()].flatMap(chart => {
    const { id, root } = definitionOf(chart)
    return delaysIn(root).map(delay => [id, delay] as const)
  })
  assert.ok(timers.length > 20)
  assert.deepEqual(
    timers.filter(([chart, delay]) => delayWords(chart, delay) === undefined),
    [],
  )
})
