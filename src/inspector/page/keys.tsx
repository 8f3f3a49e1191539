import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { chooseBy } from './actor-list.tsx'
import { showsDetails, sightMode, zoomBy } from './chart-sight.ts'
import { dismiss, recall } from './dismissal.ts'
import { chosen, chronicle, connection, lookAt, stepBy, tab, togglePause } from './inspection.ts'
import { recording, saveRecording, startRecording } from './recording.ts'
import { entryNow } from './roster.ts'
import { savePage } from './save.tsx'
import './keys.css'

/** Is the list of keys shown? */
export const showsHelp = signal(false)

interface Key {
  readonly keys: readonly string[]
  readonly does: string
  readonly act: (shift: boolean) => void
}

const keys: readonly Key[] = [
  { keys: ['/'], does: 'search actors', act: () => document.querySelector<HTMLInputElement>('#search')?.focus() },
  { keys: ['ArrowDown', 'j'], does: 'next actor', act: () => chooseBy(1) },
  { keys: ['ArrowUp', 'k'], does: 'actor before', act: () => chooseBy(-1) },
  { keys: ['PageDown'], does: 'ten actors further', act: () => chooseBy(10) },
  { keys: ['PageUp'], does: 'ten actors back', act: () => chooseBy(-10) },
  { keys: [' '], does: 'pause, or go on', act: togglePause },
  { keys: ['ArrowLeft'], does: 'one step back; with Shift: of the chosen actor', act: shift => stepBy(-1, shift) },
  { keys: ['ArrowRight'], does: 'one step forth; with Shift: of the chosen actor', act: shift => stepBy(1, shift) },
  { keys: ['Home'], does: 'the first step that is kept', act: () => lookAt(chronicle().steps[0]?.index) },
  { keys: ['End', 'Escape'], does: 'back to now', act: () => lookAt(undefined) },
  { keys: ['1'], does: 'chart', act: () => (tab.value = 'chart') },
  { keys: ['2'], does: 'sequence', act: () => (tab.value = 'sequence') },
  { keys: ['3'], does: 'flows', act: () => (tab.value = 'flows') },
  { keys: ['f'], does: 'the whole chart', act: () => (sightMode.value = 'whole') },
  { keys: ['o'], does: 'the chart at full size; follows the active state', act: () => (sightMode.value = 'follow') },
  { keys: ['+', '='], does: 'a larger chart', act: () => zoomBy(1.25) },
  { keys: ['-'], does: 'a smaller chart; arrow keys move it when it has the focus', act: () => zoomBy(0.8) },
  { keys: ['d'], does: 'details in the chart', act: () => (showsDetails.value = !showsDetails.value) },
  { keys: ['x'], does: 'dismiss what is wrong with the chosen actor until it happens again', act: dismissChosen },
  { keys: ['X'], does: 'show again what was dismissed', act: recall },
  { keys: ['r'], does: 'record; end and save the recording', act: toggleRecording },
  { keys: ['s'], does: 'save what is seen as one HTML file', act: savePage },
  { keys: ['?'], does: 'this list', act: () => (showsHelp.value = !showsHelp.value) },
]

function dismissChosen(): void {
  const entry = entryNow(chosen.value)
  if (entry) dismiss([entry])
}

function toggleRecording(): void {
  if (recording.value) saveRecording()
  else if (connection.value.state === 'live') startRecording(chronicle())
}

/** Makes the keys work everywhere but where somebody types. */
export function listenToKeys(): void {
  document.addEventListener('keydown', event => {
    const { target, key, ctrlKey, metaKey, altKey, shiftKey } = event
    if (ctrlKey || metaKey || altKey) return
    // The list of keys has the keys of any dialog while it is shown.
    if (showsHelp.value) {
      if (key === '?') showsHelp.value = false
      return
    }
    if (takesKeys(target)) {
      if (key === 'Escape') target.blur()
      return
    }
    // What has the focus is pressed by the space bar.
    if (key === ' ' && target instanceof HTMLElement && target.matches('button:not([role=option]), input')) return
    const found = keys.find(candidate => candidate.keys.includes(key))
    if (found === undefined) return
    event.preventDefault()
    found.act(shiftKey)
  })
}

/** Is this a place where keys mean something else? */
function takesKeys(target: EventTarget | null): target is HTMLElement {
  return target instanceof HTMLElement && target.matches('input:not([type=checkbox]), select')
}

const keyNames: Readonly<Record<string, string>> = {
  ' ': 'space',
  ArrowDown: '↓',
  ArrowUp: '↑',
  ArrowLeft: '←',
  ArrowRight: '→',
}

/** The list of keys. */
export function KeyHelp() {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (showsHelp.value) dialog.current?.showModal()
    else dialog.current?.close()
  }, [showsHelp.value])
  return (
    <dialog ref={dialog} class="keys" onClose={() => (showsHelp.value = false)} aria-label="Keys">
      <form method="dialog">
        <h2>Keys</h2>
        <button type="submit">Close</button>
      </form>
      <dl>
        {keys.map(({ keys: names, does }) => (
          <div key={does}>
            <dt>
              {names.map(name => (
                <kbd key={name}>{keyNames[name] ?? name}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  )
}
