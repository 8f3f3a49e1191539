import { signal } from '@preact/signals'
import { type Alarm, alarmsOf, toldApart } from '../story/alarms.ts'
import { times } from '../story/quantities.ts'
import { dismiss, isDismissed, recall } from './dismissal.ts'
import { chosen, connection, cursor, show } from './inspection.ts'
import { type Entry, search, troubles } from './roster.ts'
import { nameOf, nameWithin, shortNumber } from './words.ts'
import './troubles.css'

/** So many alarms are told until somebody wants to see more. */
const shownAtFirst = 5

/** More than these of one kind are in the list, where they can be filtered. */
const shownOfAKind = 20

/** So many of a kind are named before it is opened. */
const namedAtMost = 3

const showsAll = signal(false)

/** The kinds that are open. */
const opened = signal<ReadonlySet<string>>(new Set())

/** The lines on top that say in words what is wrong: the one with the most at stake first. */
export function Troubles() {
  const lasting = troubles.value.filter(entry => !isDismissed(entry))
  if (connection.value.state === 'connecting') return null
  const putAside = troubles.value.length - lasting.length
  const alarms = alarmsOf(lasting)
  if (alarms.length === 0) {
    const when = cursor.value === undefined ? 'at present' : 'at this moment'
    return (
      <section class="troubles none" aria-label="What is wrong">
        {putAside === 0 ? `Nothing is wrong ${when}.` : 'Nothing else is wrong.'} <Dismissed count={putAside} />
      </section>
    )
  }
  const more = alarms.length - shownAtFirst
  return (
    <section class="troubles" aria-label="What is wrong">
      <p class="hidden" role="status">
        {alarms.map(headlineOf).join(', ')}
      </p>
      <ul>
        {alarms.slice(0, showsAll.value ? alarms.length : shownAtFirst).map(alarm => (
          <li key={alarm.kind} class="alarm">
            {alarm.actors.length === 1 ? <Single alarm={alarm} /> : <Several alarm={alarm} />}
          </li>
        ))}
      </ul>
      <p class="rest">
        {more > 0 && (
          <button type="button" class="more" onClick={() => (showsAll.value = !showsAll.value)}>
            {showsAll.value ? 'Show fewer' : `Show ${more} more`}
          </button>
        )}
        <Dismissed count={putAside} />
      </p>
    </section>
  )
}

/** `6 never joined`. */
function headlineOf({ actors, brief }: Alarm<Entry>): string {
  return actors.length === 1 ? brief : `${actors.length.toLocaleString('en-US')} ${brief}`
}

/** How much waits, or how often it happened. */
function Stake({ waiting, occurrences }: { readonly waiting: number; readonly occurrences?: number | undefined }) {
  if (occurrences !== undefined) return <span class="stake">{times(occurrences)}</span>
  return waiting === 0 ? null : <span class="stake">{shortNumber(waiting)} waiting</span>
}

/** One actor, and all that there is to say of it. */
function Single({ alarm }: { readonly alarm: Alarm<Entry> }) {
  const [entry] = alarm.actors
  if (entry === undefined) return null
  return (
    <div class="line">
      <Chooser entry={entry}>
        <b class="brief">{alarm.brief}</b> <code>{nameOf(entry.life.actor)}</code>{' '}
        <Stake waiting={alarm.waiting} occurrences={entry.verdict.occurrences} />{' '}
        <span class="sentence">{entry.verdict.sentence}</span>
      </Chooser>
      <Dismiss entries={alarm.actors} of={nameOf(entry.life.actor)} brief={alarm.brief} />
    </div>
  )
}

/** Several actors with which the same is wrong: one line that opens. */
function Several({ alarm }: { readonly alarm: Alarm<Entry> }) {
  const { kind, brief, actors, waiting } = alarm
  const isOpen = opened.value.has(kind)
  const toggle = () => {
    const others = new Set(opened.value)
    if (!others.delete(kind)) others.add(kind)
    opened.value = others
  }
  const named = actors.slice(0, namedAtMost).map(({ life }) => nameWithin(life))
  const unnamed = actors.length - named.length
  return (
    <>
      <div class="line">
        <button type="button" class="what" aria-expanded={isOpen} onClick={toggle}>
          <span class="dot trouble" />
          <span class="words">
            <b class="brief">
              {headlineOf(alarm)} <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span>
            </b>{' '}
            <Stake waiting={waiting} /> <code>{named.join(', ')}</code>{' '}
            {unnamed > 0 && `and ${unnamed.toLocaleString('en-US')} more`}
          </span>
        </button>
        <Dismiss entries={actors} of={`all ${actors.length}`} brief={brief} />
      </div>
      {isOpen && <Members alarm={alarm} />}
    </>
  )
}

/** Each by itself: what differs first, for what they have in common is said once, above. */
function Members({ alarm: { brief, actors } }: { readonly alarm: Alarm<Entry> }) {
  const shown = actors.slice(0, shownOfAKind)
  const { common, own } = toldApart(shown.map(({ verdict }) => verdict.sentence))
  return (
    <>
      <p class="common">{common}</p>
      <ul>
        {shown.map((entry, place) => (
          <li key={entry.life.actor} class="line">
            <Chooser entry={entry}>
              <code title={entry.life.id}>{nameWithin(entry.life)}</code> <Stake waiting={entry.figures?.lag ?? 0} />{' '}
              <span class="sentence">{own[place]}</span>
            </Chooser>
            <Dismiss entries={[entry]} of={nameOf(entry.life.actor)} brief={brief} />
          </li>
        ))}
      </ul>
      {actors.length > shown.length && (
        <button type="button" class="more" onClick={() => (search.value = brief)}>
          {(actors.length - shown.length).toLocaleString('en-US')} more: in the list of actors
        </button>
      )}
    </>
  )
}

interface ChooserProps {
  readonly entry: Entry
  readonly children: preact.ComponentChildren
}

function Chooser({ entry: { life }, children }: ChooserProps) {
  return (
    <button
      type="button"
      class="what"
      aria-current={chosen.value === life.actor ? 'true' : undefined}
      onClick={() => show(life.actor)}
    >
      <span class="dot trouble" />
      <span class="words">{children}</span>
    </button>
  )
}

interface DismissProps {
  readonly entries: readonly Entry[]
  readonly of: string
  readonly brief: string
}

function Dismiss({ entries, of, brief }: DismissProps) {
  return (
    <button
      type="button"
      class="dismiss"
      onClick={() => dismiss(entries)}
      title="Dismiss it until it happens again (x: the chosen actor's)"
      aria-label={`Dismiss: ${of} ${brief}`}
    >
      ×
    </button>
  )
}

/** How many are dismissed, and the way back. */
function Dismissed({ count }: { readonly count: number }) {
  if (count === 0) return null
  return (
    <button type="button" class="more" onClick={recall} title="Show what was dismissed (Shift x)">
      {count.toLocaleString('en-US')} dismissed: show again
    </button>
  )
}
