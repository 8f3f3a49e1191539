import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Step } from '../story/life.ts'
import { Senders } from '../story/senders.ts'
import { stateText } from '../story/state-value.ts'
import { ArrowHead } from './arrow-head.tsx'
import { hasWords, ofAll, showsQuiet } from './events-view.tsx'
import { choose, chronicle, cursor, isOneColumn, lookAt } from './inspection.ts'
import type { Entry } from './roster.ts'
import { clockTime, eventOf, idOf, nameOf, programOf } from './words.ts'
import './sequence-view.css'

/** Steps that are drawn at once, around the one that is looked at. */
const maxRows = 120

/** Actors that have a line; steps between others are left out. */
const maxLines = 10

/** In pixels; behind the last line there is room for the state that was reached. */
const [timeWidth, rowHeight, stateWidth] = [110, 34, 120]

/** Between two lines, in pixels: on a phone two of them are in sight. */
function lineGap(): number {
  return isOneColumn() ? 136 : 190
}

/** The way of events from actor to actor. */
export function SequenceView({ entry }: { readonly entry: Entry }) {
  const box = useRef<HTMLElement>(null)
  const { steps, lines, senders } = drawn(entry)
  const width = timeWidth + lines.length * lineGap() + stateWidth
  const height = steps.length * rowHeight + 12
  useLayoutEffect(() => {
    const { current } = box
    const at = steps.findLastIndex(step => step.index <= (cursor.value ?? Number.POSITIVE_INFINITY))
    if (current && at >= 0) current.scrollTop = at * rowHeight - current.clientHeight / 2
  }, [cursor.value, cursor.value === undefined && steps.at(-1)?.index])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys scroll it
    <section class="sequence" ref={box} tabIndex={0} aria-label="Sequence diagram" onKeyDown={keepScrollKeys}>
      <div class="lifelines" style={{ width: `${width}px` }}>
        {lines.map((actor, place) => (
          <span
            key={actor ?? ''}
            style={{ left: `${xOf(place) - lineGap() / 2}px`, width: `${lineGap()}px` }}
            class={actor === entry.life.actor ? 'chosen' : ''}
          >
            <Lifeline actor={actor} />
          </span>
        ))}
      </div>
      <svg
        width={width}
        height={height}
        role="img"
        aria-label="The events of the list beside it, as arrows between actors"
      >
        <defs>
          <ArrowHead id="sent" size={10} />
        </defs>
        {lines.map((actor, place) => (
          <line key={actor ?? ''} class="lifeline" x1={xOf(place)} x2={xOf(place)} y1="0" y2={height} />
        ))}
        {steps.map((step, row) => (
          <Message
            key={step.index}
            step={step}
            lines={lines}
            senders={senders}
            y={row * rowHeight + 22}
            width={width}
          />
        ))}
      </svg>
    </section>
  )
}

/** Up and down scroll it, and choose no other actor meanwhile. */
function keepScrollKeys(event: KeyboardEvent): void {
  if (['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown'].includes(event.key)) event.stopPropagation()
}

/** Its program stands above the name, so that neither is cut off. */
function Lifeline({ actor }: { readonly actor: string | undefined }) {
  const life = actor === undefined ? undefined : chronicle().lives.get(actor)
  if (life === undefined) return <>{nameOf(actor)}</>
  return (
    <>
      <small>{programOf(life.origin)}</small> {idOf(life)}
    </>
  )
}

interface MessageProps {
  readonly step: Step
  readonly lines: readonly (string | undefined)[]
  readonly senders: Senders
  readonly y: number
  readonly width: number
}

function Message({ step, lines, senders, y, width }: MessageProps) {
  const [from, to] = [xOf(lines.indexOf(senders.of(step))), xOf(lines.indexOf(step.actor))]
  const look = () => {
    choose(step.actor)
    lookAt(step.index)
  }
  const kinds = [
    ...['message', step.snapshot ? '' : 'unchanged', senders.crosses(step) ? 'crossing' : ''],
    cursor.value === step.index ? 'chosen' : '',
  ]
  const words = `${eventOf(step)}${(step.count ?? 1) > 1 ? ` ×${step.count}` : ''}`
  const isSelf = from === to
  const state = step.snapshot && stateText(step.snapshot.value)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the list of events leads to the same, by keys
    <g class={kinds.join(' ')} onClick={look}>
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
  return timeWidth + (place + 0.5) * lineGap()
}

/** The steps that are drawn, and the actors that take part in them: where events come from stands on the left, then the chosen one. */
function drawn(entry: Entry) {
  const kept = chronicle()
  const senders = new Senders(kept, kept.lastIndex)
  const { actor: chosen } = entry.life
  const all = kept.steps.filter(
    step =>
      (ofAll.value || step.actor === chosen || senders.of(step) === chosen) &&
      (showsQuiet.value || step.snapshot !== undefined || step.skipped !== undefined || senders.crosses(step)) &&
      hasWords(step),
  )
  const at = cursor.value === undefined ? all.length - 1 : all.findLastIndex(step => step.index <= (cursor.value ?? 0))
  const end = Math.min(all.length, Math.max(at + maxRows / 2, maxRows))
  const some = senders.inOrder(all.slice(Math.max(0, end - maxRows), end))
  const part = new Set<string | undefined>([chosen])
  for (const step of [...some, ...entry.life.steps.slice(-1)]) {
    part.add(senders.of(step))
    part.add(step.actor)
  }
  const known = [...part].filter(actor => actor !== undefined && kept.lives.has(actor))
  const lines = [...(part.has(undefined) ? [undefined] : []), ...known].slice(0, maxLines)
  const steps = some.filter(step => lines.includes(step.actor) && lines.includes(senders.of(step)))
  return { steps, lines, senders }
}
