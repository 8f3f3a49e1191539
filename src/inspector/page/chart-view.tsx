import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Life, Step } from '../story/life.ts'
import { activeStates } from '../story/state-value.ts'
import { type Arrow, type Box, type ChartLayout, layoutOf, type Point } from './chart-layout.ts'
import { chronicle, cursor, lookAt, moment } from './inspection.ts'
import type { Entry } from './roster.ts'
import { clockTime, nameOf, shortNumber } from './words.ts'

/** How often an arrow was taken, and when last. */
interface Use {
  readonly times: number
  readonly last: Step
}

/** Corners of arrows are rounded by so many pixels. */
const cornerRadius = 6

/** The least and the greatest zoom. */
const [minZoom, maxZoom] = [0.2, 3]

/** The chosen actor's chart: where it is lit, the way it went last moves. */
export function ChartView({ entry: { life } }: { readonly entry: Entry }) {
  const chart = chronicle().chartOf(life)
  const layout = useSignal<ChartLayout | undefined>(undefined)
  useEffect(() => {
    let isWanted = true
    layout.value = undefined
    if (chart) {
      layoutOf(chart).then(done => {
        if (isWanted) layout.value = done
      })
    }
    return () => {
      isWanted = false
    }
  }, [chart])
  if (chart === undefined || layout.value === undefined) return <div class="chart empty">Drawing the chart …</div>
  const { index } = moment.value
  const state = life.stateAt(index)?.snapshot
  const active = state ? activeStates(chart, state.value) : new Set<string>()
  const last = lastMove(life, index)
  return <Drawing key={life.chart} layout={layout.value} active={active} uses={usesOf(life, index)} last={last} />
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
  readonly layout: ChartLayout
  readonly active: ReadonlySet<string>
  readonly uses: ReadonlyMap<string, Use>
  readonly last: Step | undefined
}

function Drawing({ layout, active, uses, last }: DrawingProps) {
  const box = useRef<HTMLDivElement>(null)
  const zoom = useSignal(1)
  const fit = () => {
    const { current } = box
    if (current === null) return
    const scale = Math.min((current.clientWidth - 16) / layout.width, (current.clientHeight - 16) / layout.height, 1.25)
    // What would be too small to read is scrolled through instead.
    zoom.value = Math.max(scale, 0.8)
  }
  useLayoutEffect(fit, [layout])
  useEffect(() => scrollToActive(box.current), [last?.index, zoom.value])
  const zoomBy = (factor: number) => {
    zoom.value = Math.min(maxZoom, Math.max(minZoom, zoom.value * factor))
  }
  const { width, height } = layout
  return (
    <div class="chart">
      <div class="zoom">
        <button type="button" onClick={() => zoomBy(1.25)} aria-label="Larger">
          +
        </button>
        <button type="button" onClick={() => zoomBy(0.8)} aria-label="Smaller">
          −
        </button>
        <button type="button" onClick={fit} aria-label="Fit into the window">
          ⤢
        </button>
      </div>
      <div class="paper" ref={box}>
        <svg
          width={width * zoom.value}
          height={height * zoom.value}
          viewBox={`0 0 ${width} ${height}`}
          role="img"
          aria-label="Statechart"
          onWheel={event => {
            if (!event.ctrlKey) return
            event.preventDefault()
            zoomBy(event.deltaY < 0 ? 1.1 : 0.9)
          }}
        >
          <defs>
            {['', ' used', ' last'].map(kind => (
              <marker
                key={kind}
                id={`head${kind.trim()}`}
                class={`head${kind}`}
                viewBox="0 0 8 8"
                refX="7"
                refY="4"
                markerWidth="7"
                markerHeight="7"
                markerUnits="userSpaceOnUse"
                orient="auto"
              >
                <path d="M0 0.5 8 4 0 7.5z" />
              </marker>
            ))}
          </defs>
          {layout.boxes.map(state => (
            <StateBox key={state.state.id} box={state} isActive={active.has(state.state.id)} uses={uses} last={last} />
          ))}
          {layout.dots.map(({ x, y }) => (
            <circle key={`${x} ${y}`} class="begin" cx={x} cy={y} r="4" />
          ))}
          {layout.arrows.map(arrow => (
            <TransitionArrow key={`${arrow.name} ${arrow.transition?.key}`} arrow={arrow} uses={uses} last={last} />
          ))}
        </svg>
      </div>
    </div>
  )
}

function scrollToActive(paper: HTMLDivElement | null): void {
  const lit = paper?.querySelectorAll('.state.active.leaf')
  const target = lit?.[0]
  if (!paper || !target) return
  const [frame, place] = [paper.getBoundingClientRect(), target.getBoundingClientRect()]
  const isSeen =
    place.top >= frame.top && place.bottom <= frame.bottom && place.left >= frame.left && place.right <= frame.right
  if (isSeen) return
  paper.scrollTop += place.top - frame.top - (frame.height - place.height) / 2
  paper.scrollLeft += place.left - frame.left - (frame.width - place.width) / 2
}

interface StateBoxProps {
  readonly box: Box
  readonly isActive: boolean
  readonly uses: ReadonlyMap<string, Use>
  readonly last: Step | undefined
}

function StateBox({ box, isActive, uses, last }: StateBoxProps) {
  const { state, depth, isRegion, lines, x, y, width, height } = box
  const kinds = [
    ...['state', state.type, depth % 2 === 0 ? 'even' : 'odd'],
    ...(isActive ? ['active'] : []),
    ...(isRegion ? ['region'] : []),
    ...(state.states.length === 0 ? ['leaf'] : []),
  ]
  return (
    <g class={kinds.join(' ')} data-state={state.id}>
      <title>{state.description ?? state.id}</title>
      <rect x={x} y={y} width={width} height={height} rx="6" />
      {state.type === 'final' && (
        <rect class="inner" x={x + 3} y={y + 3} width={width - 6} height={height - 6} rx="4" />
      )}
      <text class="title" x={x + 10} y={y + 18}>
        {state.key}
      </text>
      {lines.map(({ text, transition }, row) => {
        const use = transition === undefined ? undefined : uses.get(transition)
        const isLast = transition !== undefined && last?.taken?.includes(transition)
        return (
          <text key={text} class={`line ${use ? 'used' : ''} ${isLast ? 'last' : ''}`} x={x + 10} y={y + 37 + row * 15}>
            {text}
            {use && <tspan class="times">{`  ×${shortNumber(use.times)}`}</tspan>}
          </text>
        )
      })}
    </g>
  )
}

function TransitionArrow({
  arrow,
  uses,
  last,
}: {
  readonly arrow: Arrow
  readonly uses: ReadonlyMap<string, Use>
  readonly last: Step | undefined
}) {
  const { transition, points, label } = arrow
  const use = transition && uses.get(transition.key)
  const isLast = transition !== undefined && (last?.taken?.includes(transition.key) ?? false)
  const kind = isLast ? 'last' : use ? 'used' : ''
  const path = roundedPath(points)
  return (
    <g class={`transition ${kind} ${cursor.value === undefined ? 'moving' : ''}`} data-transition={transition?.key}>
      <title>{titleOf(arrow, use)}</title>
      <path d={path} marker-end={`url(#head${kind})`} />
      {/* Drawn anew for each step, so that the way it went is seen again. */}
      {isLast && <path key={last?.index} class="pulse" pathLength="1" d={path} />}
      {label?.lines.map((line, row) => (
        <text key={line} class={row === 0 ? 'event' : 'did'} x={label.x + 3} y={label.y + 12 + row * 15}>
          {line}
          {row === 0 && use && (
            // biome-ignore lint/a11y/noStaticElementInteractions: the same way leads over the list of events, by keys
            <tspan class="times" onClick={() => lookAt(use.last.index)}>
              {`  ×${shortNumber(use.times)}`}
            </tspan>
          )}
        </text>
      ))}
    </g>
  )
}

function titleOf({ transition, name }: Arrow, use: Use | undefined): string {
  if (transition === undefined) return name
  const { event, guard, actions } = transition
  const how = `${event}${guard ? ` [${guard}]` : ''}${actions.length > 0 ? ` / ${actions.join(', ')}` : ''}`
  if (use === undefined) return `${name}\n${how}\nnever taken while this was looked at`
  return `${name}\n${how}\ntaken ×${use.times}, last at ${clockTime(use.last.at)} (${use.last.event.type} from ${nameOf(use.last.source)})`
}

/** A line through points, with round corners. */
function roundedPath(points: readonly Point[]): string {
  const [first, ...rest] = points
  if (first === undefined) return ''
  let path = `M${first.x} ${first.y}`
  for (const [place, corner] of rest.entries()) {
    const [before, after] = [points[place], rest[place + 1]]
    if (before === undefined || after === undefined) path += `L${corner.x} ${corner.y}`
    else {
      const [start, end] = [towards(corner, before), towards(corner, after)]
      path += `L${start.x} ${start.y}Q${corner.x} ${corner.y} ${end.x} ${end.y}`
    }
  }
  return path
}

function towards(from: Point, to: Point): Point {
  const distance = Math.hypot(to.x - from.x, to.y - from.y)
  const part = distance === 0 ? 0 : Math.min(cornerRadius, distance / 2) / distance
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part }
}
