import type { Life } from '../story/life.ts'
import { ago } from '../story/quantities.ts'
import { choose, chosen, cursor, moment, show } from './inspection.ts'
import {
  choices,
  type Entry,
  listed,
  order,
  orders,
  roster,
  search,
  showsEnded,
  stateFilter,
  topicFilter,
  topicsOf,
} from './roster.ts'
import { type Place, VirtualList } from './virtual-list.tsx'
import { nameWithin, programOf, shortNumber } from './words.ts'
import './actor-list.css'

/** In pixels; its style sheet draws rows of this height. */
const rowHeight = 46

/** The tree of actors: to be searched, filtered, sorted, and walked through with the arrow keys. */
export function ActorList() {
  const entries = listed.value
  const { groups, topics } = choices.value
  return (
    <nav class="actors" aria-label="Actors">
      <div class="filters">
        <input
          id="search"
          type="search"
          aria-label="Search actors"
          placeholder="Search actors  ( / )"
          value={search.value}
          onInput={event => (search.value = event.currentTarget.value)}
        />
        <Choice
          label="State"
          value={stateFilter.value}
          all="every state"
          options={groups}
          onChoose={value => (stateFilter.value = value)}
        />
        <Choice
          label="Topic"
          value={topicFilter.value}
          all="every topic"
          options={topics}
          onChoose={value => (topicFilter.value = value)}
        />
        <label class="choice">
          <span class="hidden">Order</span>
          <select
            value={order.value}
            onChange={event => (order.value = event.currentTarget.value as keyof typeof orders)}
          >
            {Object.entries(orders).map(([key, words]) => (
              <option key={key} value={key}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={showsEnded.value}
            onChange={event => (showsEnded.value = event.currentTarget.checked)}
          />
          ended
        </label>
        <span class="count">
          {entries.length.toLocaleString('en-US')} of {roster.value.length.toLocaleString('en-US')}
        </span>
      </div>
      <VirtualList
        label="Actors"
        items={entries}
        rowHeight={rowHeight}
        keyOf={({ life }) => life.actor}
        seenKey={chosen.value}
        topKey={`${order.value} ${search.value} ${stateFilter.value} ${topicFilter.value}`}
        seen={entries.findIndex(({ life }) => life.actor === chosen.value)}
        row={(entry, place) => <Row entry={entry} place={place} />}
        active={chosen.value === undefined ? undefined : `actor-${chosen.value}`}
      />
    </nav>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly value: string
  readonly all: string
  readonly options: readonly string[]
  readonly onChoose: (value: string) => void
}

function Choice({ label, value, all, options, onChoose }: ChoiceProps) {
  return (
    <label class="choice">
      <span class="hidden">{label}</span>
      <select value={value} onChange={event => onChoose(event.currentTarget.value)}>
        <option value="">{all}</option>
        {options.map(option => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  )
}

function Row({ entry, place }: { readonly entry: Entry; readonly place: Place }) {
  const { life, state, verdict, depth } = entry
  const isChosen = chosen.value === life.actor
  const { waiting, below } = figuresOf(entry)
  const inTree = order.value === 'tree' && depth > 0
  // What is the matter is said before what it is in.
  const matter = verdict.health === 'trouble' || verdict.health === 'waiting' ? verdict.brief : ''
  const rest = [matter === '' ? verdict.brief : state, kindOf(life), topicsOf(entry).join(', ')]
  return (
    <button
      type="button"
      role="option"
      {...place}
      id={`actor-${life.actor}`}
      tabIndex={-1}
      aria-selected={isChosen}
      class={`actor ${isChosen ? 'chosen' : ''} ${inTree ? 'child' : ''} ${inTree && depth > 1 ? 'deep' : ''}`}
      data-actor={life.id}
      onClick={() => show(life.actor)}
    >
      <span class={`dot ${verdict.health}`} />
      <span class="line">
        <code title={life.id}>{nameWithin(life)}</code>
        <span class={matter === '' ? 'state' : `state ${verdict.health}`} title={state}>
          {matter || state}
        </span>
        {waiting}
      </span>
      <span class="line">
        <small>{rest.filter(part => part !== '').join(' · ')}</small>
        {below}
      </span>
    </button>
  )
}

/** Of which program it is, where there are several; of a connection, that it is one: it has its subscriber's name. */
function kindOf({ origin, parent, chart }: Life): string {
  if (parent === undefined) return programOf(origin)
  return chart === 'connection' ? 'connection' : ''
}

/** The figures of an actor that stand beside what is said of it, and below. */
function figuresOf({ figures, rate, heartbeatAt }: Entry) {
  const waiting = figures && figures.lag > 0 && (
    <small title="Messages that wait for it">{shortNumber(figures.lag)} waiting</small>
  )
  const sent = rate >= 1 && <small title="Frames that it is sent in a second">{shortNumber(rate)}/s</small>
  const heard = heartbeatAt !== undefined && cursor.value === undefined && (
    <small title="Its last heartbeat">♥ {ago(moment.value.at - heartbeatAt)}</small>
  )
  return { waiting, below: sent || heard }
}

/** Chooses the actor that stands so many places further in the list. */
export function chooseBy(places: number): void {
  const entries = listed.value
  const at = entries.findIndex(({ life }) => life.actor === chosen.value)
  const next = entries[Math.min(entries.length - 1, Math.max(0, at + places))]
  if (next) choose(next.life.actor)
}
