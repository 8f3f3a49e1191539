import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Step } from '../story/life.ts'
import { stateText } from '../story/state-value.ts'
import { shownSteps } from './events-view.tsx'
import { choose, chronicle, cursor, lookAt } from './inspection.ts'
import type { Entry } from './roster.ts'
import { clockTime, eventOf, nameOf } from './words.ts'
import './sequence-view.css'

/** Steps that are drawn at once, around the one that is looked at. */
const maxRows = 120

/** Actors that have a line; steps between others are left out. */
const maxLines = 10

/** In pixels; behind the last line there is room for the state that was reached. */
const [timeWidth, lineGap, rowHeight, stateWidth] = [92, 190, 34, 120]

/** The way of events from actor to actor. */
export function SequenceView({ entry }: { readonly entry: Entry }) {
  const box = useRef<HTMLElement>(null)
  const { steps, lines } = drawn(entry)
  const width = timeWidth + lines.length * lineGap + stateWidth
  const height = steps.length * rowHeight + 12
  useLayoutEffect(() => {
    const { current } = box
    const at = steps.findLastIndex(step => step.index <= (cursor.value ?? Number.POSITIVE_INFINITY))
    if (current && at >= 0) current.scrollTop = at * rowHeight - current.clientHeight / 2
  }, [cursor.value, cursor.value === undefined && steps.at(-1)?.index])
  return (
    <section class="sequence" ref={box} aria-label="Sequence diagram">
      <div class="lifelines" style={{ width: `${width}px` }}>
        {lines.map((actor, place) => (
          <span
            key={actor ?? ''}
            style={{ left: `${xOf(place) - lineGap / 2}px` }}
            class={actor === entry.life.actor ? 'chosen' : ''}
          >
            {nameOf(actor)}
          </span>
        ))}
      </div>
      <svg width={width} height={height} role="img" aria-label="Events between actors">
        <defs>
          <marker
            id="sent"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path d="M0 0 8 4 0 8z" />
          </marker>
        </defs>
        {lines.map((actor, place) => (
          <line key={actor ?? ''} class="lifeline" x1={xOf(place)} x2={xOf(place)} y1="0" y2={height} />
        ))}
        {steps.map((step, row) => (
          <Message key={step.index} step={step} lines={lines} y={row * rowHeight + 22} width={width} />
        ))}
      </svg>
    </section>
  )
}

interface MessageProps {
  readonly step: Step
  readonly lines: readonly (string | undefined)[]
  readonly y: number
  readonly width: number
}

function Message({ step, lines, y, width }: MessageProps) {
  const [from, to] = [xOf(lines.indexOf(senderOf(step))), xOf(lines.indexOf(step.actor))]
  const look = () => {
    choose(step.actor)
    lookAt(step.index)
  }
  const words = `${eventOf(step)}${(step.count ?? 1) > 1 ? ` ×${step.count}` : ''}`
  const isSelf = from === to
  const state = step.snapshot && stateText(step.snapshot.value)
  return (
    // biome-ignore lint/a11y/useSemanticElements: there are no buttons in a drawing
    <g
      class={`message ${cursor.value === step.index ? 'chosen' : ''} ${step.snapshot ? '' : 'unchanged'}`}
      role="button"
      tabIndex={-1}
      aria-label={words}
      onClick={look}
      onKeyDown={event => event.key === 'Enter' && look()}
    >
      <title>{`${clockTime(step.at)} ${words}${state ? ` → ${state}` : ''}`}</title>
      <rect class="band" x="0" y={y - 21} width={width} height={rowHeight} />
      <text class="time" x="6" y={y + 3}>
        {clockTime(step.at).slice(3)}
      </text>
      {isSelf ? (
        <path class="arrow" marker-end="url(#sent)" d={`M${from} ${y - 6}h22v10h-20`} />
      ) : (
        <line class="arrow" marker-end="url(#sent)" x1={from} x2={to} y1={y} y2={y} />
      )}
      <text
        class="label"
        x={isSelf ? from + 28 : (from + to) / 2}
        y={isSelf ? y + 2 : y - 5}
        text-anchor={isSelf ? 'start' : 'middle'}
      >
        {words}
      </text>
      {state && !isSelf && (
        <text class="reached" x={to + (to > from ? 8 : -8)} y={y + 4} text-anchor={to > from ? 'start' : 'end'}>
          {state}
        </text>
      )}
    </g>
  )
}

function xOf(place: number): number {
  return timeWidth + place * lineGap + lineGap / 2
}

/** Who sent it: what comes by a timer or from an actor that a state runs, an actor sends to itself. */
function senderOf({ source, actor, event }: Step): string | undefined {
  return source ?? (event.type.startsWith('xstate.') ? actor : undefined)
}

/** The steps that are drawn, and the actors that take part in them: where events come from stands on the left, then the chosen one. */
function drawn(entry: Entry): { readonly steps: readonly Step[]; readonly lines: readonly (string | undefined)[] } {
  const all = shownSteps.value
  const at = cursor.value === undefined ? all.length - 1 : all.findLastIndex(step => step.index <= (cursor.value ?? 0))
  const end = Math.min(all.length, Math.max(at + maxRows / 2, maxRows))
  const some = all.slice(Math.max(0, end - maxRows), end)
  const part = new Set<string | undefined>([undefined, entry.life.actor])
  for (const step of [...some, ...entry.life.steps.slice(-1)]) {
    part.add(senderOf(step))
    part.add(step.actor)
  }
  const known = [...part].filter(actor => actor === undefined || chronicle().lives.has(actor))
  const lines = known.slice(0, maxLines)
  return { steps: some.filter(step => lines.includes(step.actor) && lines.includes(senderOf(step))), lines }
}
