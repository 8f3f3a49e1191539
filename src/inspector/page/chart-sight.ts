import { signal } from '@preact/signals'
import type { ChartLayout } from './chart-layout.ts'

/** The part of a drawing that is in sight: its place in the window, in pixels, and how large it is drawn. */
export interface Sight {
  readonly x: number
  readonly y: number
  readonly scale: number
}

/** The size of the window on the drawing, in pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/**
 * What decides on the sight: the whole chart fits, as it opens, or the active state is followed at full size, or somebody
 * moved it.
 */
export const sightMode = signal<'whole' | 'follow' | 'moved'>('whole')

/** What is in sight. */
export const sight = signal<Sight>({ x: 0, y: 0, scale: 1 })

/** Are guards, actions and what states do written out? Without them the whole chart is readable at once. */
export const showsDetails = signal(false)

/** Are the states drawn alone, because the whole chart fits, but its words could not be read? */
export const isPlain = signal(false)

/** The least and the greatest zoom. */
const [minScale, maxScale] = [0.1, 3]

/** The words of a chart that is drawn smaller than this can't be read. */
const minReadableScale = 0.45

/** Small charts are drawn larger than they are only if somebody asks for it. */
const maxFittedScale = 1

/** Pixels around a chart that fits. */
const margin = 10

let window: Size = { width: 0, height: 0 }

/** Decides whether a chart is drawn plainly, which it is as long as it is in sight as a whole. */
export function simplify(withEvents: ChartLayout, size: Size): void {
  if (size.width === 0 || sightMode.value === 'moved') return
  isPlain.value =
    sightMode.value === 'whole' && !showsDetails.value && wholeOf(withEvents, size).scale < minReadableScale
}

/** Shows what the mode asks for: after the chart, the window or the active state changed. */
export function arrange(layout: ChartLayout, size: Size, active: ReadonlySet<string>): void {
  window = size
  if (size.width === 0 || sightMode.value === 'moved') return
  sight.value = sightMode.value === 'whole' ? wholeOf(layout, size) : activeOf(layout, size, active)
}

function wholeOf({ width, height }: ChartLayout, size: Size): Sight {
  const scale = Math.min((size.width - 2 * margin) / width, (size.height - 2 * margin) / height, maxFittedScale)
  return { scale, x: (size.width - width * scale) / 2, y: (size.height - height * scale) / 2 }
}

/** The innermost active states in the middle. */
function activeOf(layout: ChartLayout, size: Size, active: ReadonlySet<string>): Sight {
  const lit = layout.boxes.filter(({ state }) => state.states.length === 0 && active.has(state.id))
  const [first] = lit
  if (first === undefined) return wholeOf(layout, size)
  const [left, top] = [Math.min(...lit.map(({ x }) => x)), Math.min(...lit.map(({ y }) => y))]
  const right = Math.max(...lit.map(({ x, width }) => x + width))
  const bottom = Math.max(...lit.map(({ y, height }) => y + height))
  return { scale: 1, x: size.width / 2 - (left + right) / 2, y: size.height / 2 - (top + bottom) / 2 }
}

/** Zooms; what is at `at` in the window, or in its middle, stays where it is. */
export function zoomBy(factor: number, at = { x: window.width / 2, y: window.height / 2 }): void {
  const { x, y, scale } = sight.value
  const zoomed = Math.min(maxScale, Math.max(minScale, scale * factor))
  const by = zoomed / scale
  sightMode.value = 'moved'
  sight.value = { scale: zoomed, x: at.x - (at.x - x) * by, y: at.y - (at.y - y) * by }
}

/** Moves the drawing by so many pixels. */
export function moveBy(x: number, y: number): void {
  sightMode.value = 'moved'
  sight.value = { ...sight.value, x: sight.value.x + x, y: sight.value.y + y }
}
