import type { Health } from '../story/health.ts'
import { chronicle, connection, cursor, lookAt, moment, revision, sources, stepBy, togglePause } from './inspection.ts'
import { showsHelp } from './keys.tsx'
import { recording, saveRecording, startRecording } from './recording.ts'
import { tally } from './roster.ts'
import { SaveButton } from './save.tsx'
import { clockTime } from './words.ts'
import './header.css'

const connectionWords = {
  connecting: 'connecting …',
  live: 'live',
  broken: 'away; asking again …',
  loading: 'reading the trace …',
  trace: 'trace',
} as const

/** The bar at the top: what is looked at, how it is in numbers, and the way through time. */
export function Header() {
  const { state } = connection.value
  const isWhole = sources.value.every(source => source.state !== 'broken')
  return (
    <header class="bar">
      <h1>Threat Bus</h1>
      <span class={`connection ${isWhole ? state : 'broken'}`} role="status">
        {connection.value.state === 'failed' ? connection.value.because : connectionWords[connection.value.state]}
        <Away />
      </span>
      <Tally />
      <TimeControls />
      <RecordButton />
      <SaveButton />
      <button type="button" class="help" onClick={() => (showsHelp.value = true)} title="Keys (?)" aria-label="Keys">
        ?
      </button>
    </header>
  )
}

/** Which of several programs are away. */
function Away() {
  const away = sources.value.filter(({ state }) => state === 'broken')
  if (away.length === 0) return null
  const why = away.map(({ name, because }) => `${name}: ${because}`).join('\n')
  return (
    <span title={why}>
      , but {away.length} of {sources.value.length} away
    </span>
  )
}

function Tally() {
  const { subscribers, well, waiting, trouble } = tally.value
  return (
    <p class="tally">
      <span>
        <b>{subscribers.toLocaleString('en-US')}</b> {subscribers === 1 ? 'subscriber' : 'subscribers'}
      </span>
      <Count health="well" count={well} words="well" />
      <Count health="waiting" count={waiting} words="waiting" />
      <Count health="trouble" count={trouble} words="in trouble" />
    </p>
  )
}

interface CountProps {
  readonly health: Health
  readonly count: number
  readonly words: string
}

function Count({ health, count, words }: CountProps) {
  return (
    <span>
      <span class={`dot ${health}`} /> <b>{count.toLocaleString('en-US')}</b> {words}
    </span>
  )
}

function TimeControls() {
  revision.value
  const kept = chronicle()
  const first = kept.steps[0]?.index ?? 0
  // One step alone would leave no way to go: the knob would stand on the left.
  const last = Math.max(first + 1, kept.lastIndex)
  const isPaused = cursor.value !== undefined
  return (
    <fieldset class="time">
      <legend class="hidden">Time</legend>
      <button type="button" onClick={() => stepBy(-1, false)} title="One step back (←)" aria-label="One step back">
        ◀
      </button>
      <button type="button" class={isPaused ? 'on' : ''} onClick={togglePause} title="Pause or go on (space)">
        {isPaused ? 'Go on' : 'Pause'}
      </button>
      <button type="button" onClick={() => stepBy(1, false)} title="One step forth (→)" aria-label="One step forth">
        ▶
      </button>
      <input
        type="range"
        aria-label="The step that is looked at"
        min={first}
        max={last}
        value={cursor.value ?? last}
        onInput={event => lookAt(Math.min(Number(event.currentTarget.value), kept.lastIndex))}
      />
      <output>{isPaused ? clockTime(moment.value.at) : 'now'}</output>
    </fieldset>
  )
}

function RecordButton() {
  const { value } = recording
  if (connection.value.state === 'trace') return null
  if (value === undefined) {
    const start = () => startRecording(chronicle())
    return (
      <button type="button" class="record" onClick={start} title="Record what is seen here, and save it as a trace (r)">
        <span class="dot" /> Record
      </button>
    )
  }
  return (
    <button type="button" class="record on" onClick={saveRecording} title="End the recording and save it (r)">
      <span class="dot" /> Save {Math.ceil(value.characters / 1024).toLocaleString('en-US')} KB
    </button>
  )
}
