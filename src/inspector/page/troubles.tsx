import { signal } from '@preact/signals'
import { dismiss, isDismissed, recall } from './dismissal.ts'
import { choose, chosen, connection, cursor } from './inspection.ts'
import { type Entry, troubles } from './roster.ts'

/** So many are told one by one until somebody wants to see more. */
const shownAtFirst = 3

/** More than these are in the list, where they can be filtered. */
const shownAtMost = 20

const showsAll = signal(false)

/** The lines on top that say in words what is wrong. */
export function Troubles() {
  const all = troubles.value.filter(entry => !isDismissed(entry))
  if (connection.value.state === 'connecting') return null
  const putAside = troubles.value.length - all.length
  if (all.length === 0) {
    const when = cursor.value === undefined ? 'at present' : 'at this moment'
    return (
      <section class="troubles none">
        {putAside === 0 ? `Nothing is wrong ${when}.` : 'Nothing else is wrong.'} <Dismissed count={putAside} />
      </section>
    )
  }
  const shown = all.slice(0, showsAll.value ? shownAtMost : shownAtFirst)
  return (
    <section class="troubles" aria-label="What is wrong">
      <ul>
        {shown.map(entry => (
          <li key={entry.life.actor}>
            <Trouble entry={entry} />
          </li>
        ))}
      </ul>
      <p class="rest">
        {all.length > shownAtFirst && (
          <button type="button" class="more" onClick={() => (showsAll.value = !showsAll.value)}>
            {showsAll.value ? 'Show fewer' : `Show ${Math.min(all.length, shownAtMost) - shownAtFirst} more`}
            {all.length > shownAtMost && ` of ${(all.length - shownAtFirst).toLocaleString('en-US')}`}
          </button>
        )}
        <Dismissed count={putAside} />
      </p>
    </section>
  )
}

function Trouble({ entry }: { readonly entry: Entry }) {
  const { life, verdict } = entry
  return (
    <>
      <button
        type="button"
        class="what"
        aria-current={chosen.value === life.actor ? 'true' : undefined}
        onClick={() => choose(life.actor)}
      >
        <span class="dot trouble" />
        <code>{life.id}</code>
        <span class="brief">{verdict.brief}</span>
        <span class="sentence" title={verdict.sentence}>
          {verdict.sentence}
        </span>
      </button>
      <button
        type="button"
        class="dismiss"
        onClick={() => dismiss(entry)}
        title="Dismiss it until it happens again (x: the chosen actor's)"
        aria-label={`Dismiss: ${life.id} ${verdict.brief}`}
      >
        ×
      </button>
    </>
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
