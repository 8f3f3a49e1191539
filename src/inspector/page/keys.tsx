import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { chooseBy } from './actor-list.tsx'
import { dismissChosen, recallDismissed } from './dismissals.ts'
import { chronicle, connection, lookAt, stepBy, tab, togglePause } from './inspection.ts'
import { recording, saveRecording, startRecording } from './recording.ts'

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
  { keys: ['x'], does: 'put away what is wrong with the chosen actor, until it happens again', act: dismissChosen },
  { keys: ['X'], does: 'show what was put away', act: recallDismissed },
  { keys: ['r'], does: 'record; end and save the recording', act: toggleRecording },
  { keys: ['?'], does: 'this list', act: () => (showsHelp.value = !showsHelp.value) },
]

function toggleRecording(): void {
  if (recording.value) saveRecording()
  else if (connection.value.state === 'live') startRecording(chronicle())
}

/** Makes the keys work everywhere but where somebody types. */
export function listenToKeys(): void {
  document.addEventListener('keydown', event => {
    const { target, key, ctrlKey, metaKey, altKey, shiftKey } = event
    if (ctrlKey || metaKey || altKey) return
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
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  )
}
