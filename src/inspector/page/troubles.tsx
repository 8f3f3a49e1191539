import { signal } from '@preact/signals'
import { dismiss, dismissedCount, openTroubles, recallDismissed } from './dismissals.ts'
import { choose, chosen, connection, cursor } from './inspection.ts'

/** So many are told one by one until somebody wants to see more. */
const shownAtFirst = 3

/** More than these are in the list, where they can be filtered. */
const shownAtMost = 20

const showsAll = signal(false)

/** The lines on top that say in words what is wrong. */
export function Troubles() {
  const all = openTroubles.value
  if (connection.value.state === 'connecting') return null
  if (all.length === 0) {
    const when = cursor.value === undefined ? 'at present' : 'at this moment'
    return (
      <section class="troubles none">
        {dismissedCount.value === 0 ? `Nothing is wrong ${when}.` : `Nothing else is wrong ${when}.`}
        <Dismissed />
      </section>
    )
  }
  const shown = all.slice(0, showsAll.value ? shownAtMost : shownAtFirst)
  return (
    <section class="troubles" aria-label="What is wrong">
      <ul>
        {shown.map(entry => {
          const { life, verdict } = entry
          return (
            <li key={life.actor} aria-current={chosen.value === life.actor ? 'true' : undefined}>
              <button type="button" class="told" onClick={() => choose(life.actor)}>
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
                title="Put away until it happens again (x, of the chosen actor)"
                aria-label={`Put away: ${life.id} ${verdict.brief}`}
              >
                ×
              </button>
            </li>
          )
        })}
      </ul>
      {all.length > shownAtFirst && (
        <button type="button" class="more" onClick={() => (showsAll.value = !showsAll.value)}>
          {showsAll.value ? 'Show fewer' : `Show ${Math.min(all.length, shownAtMost) - shownAtFirst} more`}
          {all.length > shownAtMost && ` of ${(all.length - shownAtFirst).toLocaleString('en-US')}`}
        </button>
      )}
      <Dismissed />
    </section>
  )
}

/** How much was put away, and the way back. */
function Dismissed() {
  const { value: count } = dismissedCount
  if (count === 0) return null
  return (
    <button type="button" class="more" onClick={recallDismissed} title="Show what was put away (Shift+X)">
      Show {count.toLocaleString('en-US')} put away
    </button>
  )
}
