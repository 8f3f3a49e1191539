import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Life, Step } from '../story/life.ts'
import { activeStates } from '../story/state-value.ts'
import type { ChartDefinition } from '../trace/definition.ts'
import { ArrowHead } from './arrow-head.tsx'
import { StateBox, TransitionArrow, type Use } from './chart-drawing.tsx'
import { type ChartLayout, type Detail, layoutOf } from './chart-layout.ts'
import { arrange, isPlain, moveBy, type Size, showsDetails, sight, sightMode, simplify, zoomBy } from './chart-sight.ts'
import { chronicle, moment } from './inspection.ts'
import type { Entry } from './roster.ts'
import './chart-view.css'

/** The arrow keys move the drawing by so many pixels. */
const keyDistance = 60

/** The chosen actor's chart: where it is lit, the way it went last moves. */
export function ChartView({ entry: { life, state } }: { readonly entry: Entry }) {
  const chart = chronicle().chartOf(life)
  useEffect(() => {
    sightMode.value = 'whole'
  }, [chart, showsDetails.value])
  const full = useLayout(chart, showsDetails.value ? 'all' : 'events')
  const plain = useLayout(isPlain.value ? chart : undefined, 'states')
  const { index } = moment.value
  const snapshot = life.stateAt(index)?.snapshot
  const active = chart && snapshot ? activeStates(chart, snapshot.value) : new Set<string>()
  return (
    <Drawing
      full={full}
      layout={isPlain.value ? plain : full}
      active={active}
      uses={usesOf(life, index)}
      last={lastMove(life, index)}
      words={`Statechart of ${life.id}: it is in ${state}`}
    />
  )
}

/** A chart laid out; undefined while it is being. */
function useLayout(chart: ChartDefinition | undefined, detail: Detail): ChartLayout | undefined {
  const layout = useSignal<ChartLayout | undefined>(undefined)
  useEffect(() => {
    let isWanted = true
    layout.value = undefined
    if (chart) {
      layoutOf(chart, detail).then(done => {
        if (isWanted) layout.value = done
      })
    }
    return () => {
      isWanted = false
    }
  }, [chart, detail])
  return layout.value
}

/** The last step that took an arrow. */
function lastMove(life: Life, index: number): Step | undefined {
  for (let at = life.steps.length - 1; at >= 0; at--) {
    const step = life.steps[at]
    if (step && step.index <= index && step.snapshot && step.taken) return step
  }
  return undefined
}

function usesOf(life: Life, index: number): Map<string, Use> {
  const uses = new Map<string, Use>()
  for (const step of life.steps) {
    if (step.index > index) break
    for (const key of step.taken ?? []) {
      uses.set(key, { times: (uses.get(key)?.times ?? 0) + (step.count ?? 1), last: step })
    }
  }
  return uses
}

interface DrawingProps {
  /** With its events. */
  readonly full: ChartLayout | undefined
  /** As it is drawn. */
  readonly layout: ChartLayout | undefined
  readonly active: ReadonlySet<string>
  readonly uses: ReadonlyMap<string, Use>
  readonly last: Step | undefined
  /** For those who can't see it. */
  readonly words: string
}

function Drawing({ full, layout, active, uses, last, words }: DrawingProps) {
  const box = useRef<HTMLDivElement>(null)
  const size = useSignal<Size>({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return
    const observer = new ResizeObserver(() => {
      size.value = { width: current.clientWidth, height: current.clientHeight }
    })
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(() => {
    if (full) simplify(full, size.value)
    if (layout) arrange(layout, size.value, active)
  }, [full, layout, size.value, sightMode.value, last?.index])
  return (
    <div class="chart">
      <SightControls />
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset has fields */}
      <div
        class={sightMode.value === 'whole' ? 'paper' : 'paper moved'}
        ref={box}
        role="group"
        aria-label="The chart: the arrow keys move it"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys scroll it
        tabIndex={0}
        onWheel={event => {
          event.preventDefault()
          const { left, top } = event.currentTarget.getBoundingClientRect()
          zoomBy(event.deltaY < 0 ? 1.12 : 0.89, { x: event.clientX - left, y: event.clientY - top })
        }}
        onPointerDown={event => {
          if (event.button === 0) event.currentTarget.setPointerCapture(event.pointerId)
        }}
        onPointerMove={event => {
          if (event.currentTarget.hasPointerCapture(event.pointerId)) moveBy(event.movementX, event.movementY)
        }}
        onKeyDown={event => {
          const [across, down] = directions[event.key] ?? [0, 0]
          if ((across === 0 && down === 0) || event.shiftKey) return
          event.preventDefault()
          event.stopPropagation()
          moveBy(-across * keyDistance, -down * keyDistance)
        }}
      >
        {layout === undefined ? (
          <p class="nothing">Drawing the chart …</p>
        ) : (
          <Chart layout={layout} active={active} uses={uses} last={last} words={words} />
        )}
      </div>
    </div>
  )
}

interface ChartProps extends Omit<DrawingProps, 'full' | 'layout'> {
  readonly layout: ChartLayout
}

function Chart({ layout, active, uses, last, words }: ChartProps) {
  const { x, y, scale } = sight.value
  return (
    <svg role="img" aria-label={words}>
      <defs>
        {['', 'used', 'last'].map(kind => (
          <ArrowHead key={kind} id={`head${kind}`} kind={kind} size={7} />
        ))}
      </defs>
      <g transform={`translate(${x} ${y}) scale(${scale})`}>
        {layout.boxes.map(state => (
          <StateBox key={state.state.id} box={state} isActive={active.has(state.state.id)} uses={uses} last={last} />
        ))}
        {layout.dots.map(({ x, y }) => (
          <circle key={`${x} ${y}`} class="begin" cx={x} cy={y} r="4" />
        ))}
        {layout.arrows.map(arrow => (
          <TransitionArrow key={`${arrow.name} ${arrow.transition?.key}`} arrow={arrow} uses={uses} last={last} />
        ))}
      </g>
    </svg>
  )
}

const directions: Readonly<Record<string, readonly [across: number, down: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

function SightControls() {
  const { value: mode } = sightMode
  return (
    <fieldset class="sight">
      <legend class="hidden">What is in sight of the chart</legend>
      <button type="button" onClick={() => zoomBy(1.25)} title="Larger (+)" aria-label="Larger">
        +
      </button>
      <button type="button" onClick={() => zoomBy(0.8)} title="Smaller (-)" aria-label="Smaller">
        −
      </button>
      <button
        type="button"
        aria-pressed={mode === 'whole'}
        onClick={() => (sightMode.value = 'whole')}
        title="The whole chart (f)"
      >
        Fit
      </button>
      <button
        type="button"
        aria-pressed={mode === 'follow'}
        onClick={() => (sightMode.value = 'follow')}
        title="At full size, and follow the active state (o)"
      >
        1:1
      </button>
      <button
        type="button"
        aria-pressed={showsDetails.value}
        onClick={() => (showsDetails.value = !showsDetails.value)}
        title="Write guards, actions, and what states do (d); or point at an arrow or a state"
      >
        Details
      </button>
    </fieldset>
  )
}
