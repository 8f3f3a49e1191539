import { signal } from '@preact/signals'
import { choose, chosen, connection, cursor } from './inspection.ts'
import { troubles } from './roster.ts'

/** So many are told one by one until somebody wants to see more. */
const shownAtFirst = 3

/** More than these are in the list, where they can be filtered. */
const shownAtMost = 20

const showsAll = signal(false)

/** The lines on top that say in words what is wrong. */
export function Troubles() {
  const all = troubles.value
  if (connection.value.state === 'connecting') return null
  if (all.length === 0) {
    const when = cursor.value === undefined ? 'at present' : 'at this moment'
    return <section class="troubles none">Nothing is wrong {when}.</section>
  }
  const shown = all.slice(0, showsAll.value ? shownAtMost : shownAtFirst)
  return (
    <section class="troubles" aria-label="What is wrong">
      <ul>
        {shown.map(({ life, verdict }) => (
          <li key={life.actor}>
            <button
              type="button"
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
          </li>
        ))}
      </ul>
      {all.length > shownAtFirst && (
        <button type="button" class="more" onClick={() => (showsAll.value = !showsAll.value)}>
          {showsAll.value ? 'Show fewer' : `Show ${Math.min(all.length, shownAtMost) - shownAtFirst} more`}
          {all.length > shownAtMost && ` of ${(all.length - shownAtFirst).toLocaleString('en-US')}`}
        </button>
      )}
    </section>
  )
}
