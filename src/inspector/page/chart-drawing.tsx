import type { Step } from '../story/life.ts'
import type { StateDefinition } from '../trace/definition.ts'
import type { Arrow, Box, Point } from './chart-layout.ts'
import { cursor } from './inspection.ts'
import { clockTime, nameOf, shortNumber } from './words.ts'

/** How often an arrow was taken, and when last. */
export interface Use {
  readonly times: number
  readonly last: Step
}

/** Corners of arrows are rounded by so many pixels. */
const cornerRadius = 6

interface StateBoxProps {
  readonly box: Box
  readonly isActive: boolean
  readonly uses: ReadonlyMap<string, Use>
  readonly last: Step | undefined
}

/** A state: lit if it is active. */
export function StateBox({ box, isActive, uses, last }: StateBoxProps) {
  const { state, depth, isRegion, lines, x, y, width, height } = box
  const kinds = [
    ...['state', state.type, depth % 2 === 0 ? 'even' : 'odd'],
    ...(isActive ? ['active'] : []),
    ...(isRegion ? ['region'] : []),
    ...(state.states.length === 0 ? ['leaf'] : []),
  ]
  return (
    <g class={kinds.join(' ')} data-state={state.id}>
      <title>{descriptionOf(state)}</title>
      <rect x={x} y={y} width={width} height={height} rx="6" />
      {state.type === 'final' && (
        <rect class="inner" x={x + 3} y={y + 3} width={width - 6} height={height - 6} rx="4" />
      )}
      <text class="title" x={x + 10} y={y + 19}>
        {state.key}
      </text>
      {lines.map(({ text, transition }, row) => {
        const use = transition === undefined ? undefined : uses.get(transition)
        const isLast = transition !== undefined && last?.taken?.includes(transition)
        return (
          <text key={text} class={`line ${use ? 'used' : ''} ${isLast ? 'last' : ''}`} x={x + 10} y={y + 39 + row * 15}>
            {text}
            {use && <tspan class="times">{`  ×${shortNumber(use.times)}`}</tspan>}
          </text>
        )
      })}
    </g>
  )
}

/** A transition: what takes it, how often it was taken, and a light that runs along it when it is. */
export function TransitionArrow({
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
        <text key={line} class={line.startsWith('/') ? 'did' : 'event'} x={label.x + 3} y={label.y + 13 + row * 15}>
          {line}
          {row === 0 && use && <tspan class="times">{`  ×${shortNumber(use.times)}`}</tspan>}
        </text>
      ))}
    </g>
  )
}

/** What a state is, and what is done in it: the drawing may be too small for it. */
function descriptionOf({ id, description, entry, invoke, exit }: StateDefinition): string {
  const activities = [['on entry', entry] as const, ['meanwhile', invoke] as const, ['on exit', exit] as const]
  const done = activities.filter(([, what]) => what.length > 0).map(([when, what]) => `${when}: ${what.join(', ')}`)
  return [id, ...(description === undefined ? [] : [description]), ...done].join('\n')
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
