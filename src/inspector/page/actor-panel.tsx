import { delayWords } from '../story/delays.ts'
import { ago } from '../story/quantities.ts'
import { ChartView } from './chart-view.tsx'
import { EventsView } from './events-view.tsx'
import { FlowsView } from './flows-view.tsx'
import { chosen, chronicle, connection, moment, type Tab, tab } from './inspection.ts'
import { type Entry, entryNow, topicsOf } from './roster.ts'
import { SequenceView } from './sequence-view.tsx'
import './actor-panel.css'

const tabs: Readonly<Record<Tab, string>> = { chart: 'Chart', sequence: 'Sequence', flows: 'Flows' }

/** The chosen actor: what is the matter with it, its chart, and what happened. */
export function ActorPanel() {
  const entry = entryNow(chosen.value)
  if (entry === undefined) {
    const { state } = connection.value
    return (
      <section class="panel empty">
        {state === 'loading' || state === 'connecting' ? 'One moment …' : 'There is no actor.'}
      </section>
    )
  }
  return (
    <section class="panel" aria-label="The chosen actor">
      <Summary entry={entry} />
      <div class="tabs" role="tablist" aria-label="What is shown of it" onKeyDown={chooseTab}>
        {Object.entries(tabs).map(([key, words], place) => (
          <button
            key={key}
            type="button"
            role="tab"
            id={`tab-${key}`}
            aria-controls="shown"
            aria-selected={tab.value === key}
            tabIndex={tab.value === key ? 0 : -1}
            title={`${words} (${place + 1})`}
            onClick={() => (tab.value = key as Tab)}
          >
            {words}
          </button>
        ))}
      </div>
      <div class="shown" role="tabpanel" id="shown" aria-labelledby={`tab-${tab.value}`}>
        {tab.value === 'flows' ? (
          <FlowsView entry={entry} />
        ) : (
          <div class="split">
            {tab.value === 'chart' ? <ChartView entry={entry} /> : <SequenceView entry={entry} />}
            <EventsView entry={entry} />
          </div>
        )}
      </div>
    </section>
  )
}

/** The arrow keys go from tab to tab, and no step further meanwhile. */
function chooseTab(event: KeyboardEvent): void {
  const by = ({ ArrowLeft: -1, ArrowRight: 1 } as const)[event.key]
  if (by === undefined || event.shiftKey) return
  event.preventDefault()
  event.stopPropagation()
  const all = Object.keys(tabs) as Tab[]
  const next = all[(all.indexOf(tab.value) + by + all.length) % all.length]
  if (next === undefined) return
  tab.value = next
  document.getElementById(`tab-${next}`)?.focus()
}

function Summary({ entry }: { readonly entry: Entry }) {
  const { life, state, verdict, figures, rate, heartbeatAt } = entry
  const { at, index } = moment.value
  return (
    <div class={`summary ${verdict.health}`}>
      <h2>
        <code>{life.id}</code>
        <span class="state">{state}</span>
        <span class="since">for {ago(at - life.since(index))}</span>
      </h2>
      <p class="verdict">{verdict.sentence}</p>
      <dl>
        <Fact name="Program">{chronicle().heads.size > 1 && chronicle().heads.get(life.origin)?.program}</Fact>
        <Fact name="Topics">{topicsOf(entry).join(', ')}</Fact>
        <Fact name="Queue">{figures && `${figures.lag.toLocaleString('en-US')} waiting`}</Fact>
        <Fact name="Sent">
          {figures && `${figures.sent.toLocaleString('en-US')} frames, ${Math.round(rate).toLocaleString('en-US')}/s`}
        </Fact>
        <Fact name="Unreceived">
          {figures?.unreceived !== undefined && `${figures.unreceived.toLocaleString('en-US')} on their way`}
        </Fact>
        <Fact name="Missed">{figures && figures.missed > 0 && figures.missed.toLocaleString('en-US')}</Fact>
        <Fact name="Snapshot">{figures?.replaying && <SnapshotProgress entry={entry} />}</Fact>
        <Fact name="Last heartbeat">{heartbeatAt !== undefined && `${ago(at - heartbeatAt)} ago`}</Fact>
        {life.timers.map(({ delay, startedAt, ms }) => (
          <Fact key={delay} name={delayWords(life.chart, delay) ?? delay}>
            {startedAt + ms >= at && `in ${ago(startedAt + ms - at)}`}
          </Fact>
        ))}
      </dl>
    </div>
  )
}

function Fact({ name, children }: { readonly name: string; readonly children: preact.ComponentChildren }) {
  if (children === undefined || children === false || children === '') return null
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** How much of the snapshot from the history was sent. */
function SnapshotProgress({ entry: { life, figures } }: { readonly entry: Entry }) {
  if (figures?.replaying === undefined) return null
  const { position, upTo } = figures.replaying
  const begin = life.figuresOverTime.find(({ replaying }) => replaying !== undefined)?.replaying?.position ?? position
  const done = upTo <= begin ? 1 : (position - begin) / (upTo - begin)
  return (
    <>
      <progress value={done} /> {Math.round(done * 100)}%
    </>
  )
}
