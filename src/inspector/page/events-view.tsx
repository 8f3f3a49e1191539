import { computed, signal } from '@preact/signals'
import { differences } from '../story/difference.ts'
import { factsOf } from '../story/facts.ts'
import type { Step } from '../story/life.ts'
import { Senders } from '../story/senders.ts'
import { stateText } from '../story/state-value.ts'
import { choose, chosen, chronicle, cursor, lookAt, revision } from './inspection.ts'
import type { Entry } from './roster.ts'
import { type Place, VirtualList } from './virtual-list.tsx'
import { clockTime, eventOf, nameOf, valueWords } from './words.ts'
import './events-view.css'

/** In pixels; its style sheet draws lines of this height, and so much around them. */
const [lineHeight, around] = [18, 4]

/** Are the events of all actors listed, or those of the chosen one? */
export const ofAll = signal(false)

/** Are events listed that changed nothing? */
export const showsQuiet = signal(false)

/** What the listed events have to contain. */
const eventSearch = signal('')

/** Has a step the words that events are filtered by? */
export function hasWords(step: Step): boolean {
  const words = eventSearch.value.toLowerCase()
  return words === '' || `${eventOf(step)} ${nameOf(step.actor)}`.toLowerCase().includes(words)
}

/** The steps that the list shows. */
const shownSteps = computed<readonly Step[]>(() => {
  revision.value
  const kept = chronicle()
  const life = chosen.value === undefined ? undefined : kept.lives.get(chosen.value)
  const steps = ofAll.value || life === undefined ? kept.steps : life.steps
  return steps.filter(
    step => (showsQuiet.value || step.snapshot !== undefined || step.skipped !== undefined) && hasWords(step),
  )
})

/** What happened, as a list; and what the step that is looked at changed. */
export function EventsView({ entry }: { readonly entry: Entry }) {
  const steps = shownSteps.value
  const at = cursor.value
  const latest = at === undefined ? (steps.at(-1) ?? entry.life.steps.at(-1)) : chronicle().step(at)
  const seen = at === undefined ? undefined : steps.findLastIndex(step => step.index <= at)
  return (
    <div class="happened">
      <div class="filters">
        <h3>What happened</h3>
        <input
          type="search"
          aria-label="Filter events"
          placeholder="Filter events"
          value={eventSearch.value}
          onInput={event => (eventSearch.value = event.currentTarget.value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={ofAll.value}
            onChange={event => (ofAll.value = event.currentTarget.checked)}
          />
          all actors
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={showsQuiet.value}
            onChange={event => (showsQuiet.value = event.currentTarget.checked)}
          />
          what changed nothing
        </label>
        <span class="count">{steps.length.toLocaleString('en-US')}</span>
      </div>
      {steps.length === 0 && (
        <p class="nothing">
          {eventSearch.value === '' ? 'Nothing in the time that is kept.' : 'No event has these words.'}
        </p>
      )}
      <div class="columns">
        <VirtualList
          label="Events"
          items={steps}
          rowHeight={(ofAll.value ? 3 : 2) * lineHeight + around}
          keyOf={({ index }) => index}
          seen={seen}
          seenKey={at}
          followsEnd={at === undefined}
          active={at === undefined ? undefined : `event-${at}`}
          onKey={lookByKey}
          row={(step, place) => <EventRow step={step} place={place} />}
        />
        {latest && <StepDetail step={latest} />}
      </div>
    </div>
  )
}

/** Goes through the listed events by the arrow keys. Answers whether it was one. */
function lookByKey(key: string): boolean {
  const by = ({ ArrowUp: -1, ArrowDown: 1 } as const)[key]
  if (by === undefined) return false
  const steps = shownSteps.value
  const at = cursor.value ?? Number.POSITIVE_INFINITY
  const place = steps.findLastIndex(step => step.index <= at)
  const next = steps[cursor.value === undefined ? place : place + by]
  if (next) lookAt(next.index)
  return true
}

function EventRow({ step, place }: { readonly step: Step; readonly place: Place }) {
  const isLookedAt = cursor.value === step.index
  const look = () => {
    choose(step.actor)
    lookAt(step.index)
  }
  return (
    <button
      type="button"
      role="option"
      {...place}
      id={`event-${step.index}`}
      tabIndex={-1}
      aria-selected={isLookedAt}
      class={`event ${isLookedAt ? 'chosen' : ''}`}
      onClick={look}
    >
      <span class="line">
        <time>{clockTime(step.at)}</time> <span class="type">{eventOf(step)}</span>
        {(step.count ?? 1) > 1 && <span class="times"> ×{step.count}</span>}
      </span>
      {ofAll.value && <code class="line who">{nameOf(step.actor)}</code>}
      <span class="line led">{step.snapshot && `→ ${stateText(step.snapshot.value)}`}</span>
    </button>
  )
}

/** One step: who sent what, which way it went, what was done, and what it changed. */
function StepDetail({ step }: { readonly step: Step }) {
  const life = chronicle().lives.get(step.actor)
  const chart = life && chronicle().chartOf(life)
  const before = life?.stateBefore(step.index)?.snapshot
  const after = step.snapshot
  const carried = factsOf(step.event)
  const changes = after
    ? differences(before && { state: stateText(before.value), context: before.context }, {
        state: stateText(after.value),
        context: after.context,
      })
    : []
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it may be longer than there is room
    <section class="detail" aria-label="The step" tabIndex={0}>
      <p class="flow">
        <code>{nameOf(new Senders(chronicle(), step.index).of(step))}</code> → <code>{nameOf(step.actor)}</code>{' '}
        <b>{eventOf(step)}</b>
        {(step.count ?? 1) > 1 && ` ×${step.count}`}
      </p>
      {carried.length > 0 && (
        <table class="carried">
          <tbody>
            {carried.map(({ name, value }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{valueWords(name, value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {step.actions && <p class="actions">did {step.actions.join(', ')}</p>}
      {changes.length === 0 ? (
        <p class="unchanged">It changed nothing.</p>
      ) : (
        <table class="difference">
          <tbody>
            {changes.map(({ path, before: was, after: is }) => (
              <tr key={path}>
                <th scope="row">{path.replace(/^context\./, '') || 'it began'}</th>
                <td>
                  {was !== undefined && <del>{valueWords(path, JSON.parse(was))}</del>}{' '}
                  {is !== undefined && <ins>{valueWords(path, JSON.parse(is))}</ins>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {step.taken && chart && (
        <p class="taken">by {step.taken.map(key => key.split(' ')[0]?.replace(`${chart.id}.`, '')).join(', then ')}</p>
      )}
    </section>
  )
}
