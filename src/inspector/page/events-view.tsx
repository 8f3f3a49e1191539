import { computed, signal } from '@preact/signals'
import { differences } from '../story/difference.ts'
import type { Step } from '../story/life.ts'
import { stateText } from '../story/state-value.ts'
import { choose, chosen, chronicle, cursor, lookAt, revision } from './inspection.ts'
import type { Entry } from './roster.ts'
import { VirtualList } from './virtual-list.tsx'
import { clockTime, eventOf, nameOf } from './words.ts'
import './events-view.css'

/** In pixels; its style sheet draws rows of this height. */
const rowHeight = 24

/** Are the events of all actors listed, or those of the chosen one? */
export const ofAll = signal(false)

/** Are events listed that changed nothing? */
export const showsQuiet = signal(false)

/** What the listed events have to contain. */
export const eventSearch = signal('')

/** The steps that the list and the sequence show. */
export const shownSteps = computed<readonly Step[]>(() => {
  revision.value
  const kept = chronicle()
  const life = chosen.value === undefined ? undefined : kept.lives.get(chosen.value)
  const steps = ofAll.value || life === undefined ? kept.steps : life.steps
  const words = eventSearch.value.toLowerCase()
  return steps.filter(
    step =>
      (showsQuiet.value || step.snapshot !== undefined || step.skipped !== undefined) &&
      (words === '' || `${eventOf(step)} ${nameOf(step.actor)}`.toLowerCase().includes(words)),
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
          rowHeight={rowHeight}
          keyOf={({ index }) => index}
          seen={seen}
          seenKey={at}
          followsEnd={at === undefined}
          row={step => <EventRow step={step} />}
        />
        {latest && <StepDetail step={latest} />}
      </div>
    </div>
  )
}

function EventRow({ step }: { readonly step: Step }) {
  const isLookedAt = cursor.value === step.index
  const look = () => {
    choose(step.actor)
    lookAt(step.index)
  }
  return (
    <button
      type="button"
      role="option"
      tabIndex={-1}
      aria-selected={isLookedAt}
      class={`event ${isLookedAt ? 'chosen' : ''}`}
      onClick={look}
      title={step.snapshot && `${eventOf(step)} → ${stateText(step.snapshot.value)}`}
    >
      <time>{clockTime(step.at)}</time>
      {ofAll.value && <code class="who">{nameOf(step.actor)}</code>}
      <span class="type">{eventOf(step)}</span>
      {(step.count ?? 1) > 1 && <span class="times">×{step.count}</span>}
      <span class="led">{step.snapshot && `→ ${stateText(step.snapshot.value)}`}</span>
    </button>
  )
}

/** One step: who sent what, which way it went, what was done, and what it changed. */
function StepDetail({ step }: { readonly step: Step }) {
  const life = chronicle().lives.get(step.actor)
  const chart = life && chronicle().chartOf(life)
  const before = life?.stateBefore(step.index)?.snapshot
  const after = step.snapshot
  const { type, ...carried } = step.event
  const changes = after
    ? differences(before && { state: stateText(before.value), context: before.context }, {
        state: stateText(after.value),
        context: after.context,
      })
    : []
  return (
    <section class="detail" aria-label="The step">
      <p class="flow">
        <code>{nameOf(step.source)}</code> → <code>{nameOf(step.actor)}</code> <b>{eventOf(step)}</b>
        {(step.count ?? 1) > 1 && ` ×${step.count}`}
      </p>
      {Object.keys(carried).length > 0 && <pre>{JSON.stringify(carried, undefined, 1)}</pre>}
      {step.actions && <p class="actions">did {step.actions.join(', ')}</p>}
      {changes.length === 0 ? (
        <p class="unchanged">It changed nothing.</p>
      ) : (
        <table class="difference">
          <tbody>
            {changes.map(({ path, before: was, after: is }) => (
              <tr key={path}>
                <th>{path || 'it began'}</th>
                <td>
                  {was !== undefined && <del>{was}</del>} {is !== undefined && <ins>{is}</ins>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {step.taken && chart && (
        <p class="taken">by {step.taken.map(key => key.split(' ')[0]?.replace(`${chart.id}.`, '')).join(', then ')}</p>
      )}
      <p class="type">
        <code>{type}</code>
      </p>
    </section>
  )
}
