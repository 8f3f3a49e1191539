import { effect, signal } from '@preact/signals'
import type { Life } from '../story/life.ts'
import { choose, chosen, chronicle, cursor, lookAt, revision, type Tab, tab } from './inspection.ts'
import { held } from './saved.ts'

/** How long it waits until it is written where one is, in milliseconds: browsers take only so many changes in a second. */
const writePauseMs = 200

/** What a link says that is not found yet: what it names may still be told. */
const wanted = signal<View | undefined>(undefined)

/** What is looked at. Actors are named as people see them: session ids are others in the next process. */
interface View {
  readonly actor: string | undefined
  /** Milliseconds since the epoch; undefined: what happens now. */
  readonly at: number | undefined
  /** The step's number in its program, if it has one: several may be of one millisecond. */
  readonly step: number | undefined
}

/** A link's fragment to what is looked at: the actor, the tab, and the moment, unless that is now. */
export function viewNow(): string {
  const life = chosen.value === undefined ? undefined : chronicle().lives.get(chosen.value)
  const step = cursor.value === undefined ? undefined : chronicle().step(cursor.value)
  const parts = [
    ...(life ? [['actor', nameOf(life)]] : []),
    ['tab', tab.value],
    ...(step ? [['at', new Date(step.at).toISOString()]] : []),
    ...(step?.step === undefined ? [] : [['step', `${step.step}`]]),
  ]
  return parts.map(([key = '', value = '']) => `${key}=${encodeURIComponent(value)}`).join('&')
}

function nameOf({ origin, id }: Life): string {
  return origin === '' ? id : `${origin}/${id}`
}

/** Goes where a fragment leads, as soon as that is there. */
function follow(fragment: string): void {
  const parts = new URLSearchParams(fragment)
  const [atText, stepText, tabText] = [parts.get('at'), parts.get('step'), parts.get('tab')]
  const at = Date.parse(atText ?? '')
  if (tabText === 'chart' || tabText === 'sequence' || tabText === 'flows') tab.value = tabText satisfies Tab
  wanted.value = {
    actor: parts.get('actor') ?? undefined,
    at: Number.isNaN(at) ? undefined : at,
    step: stepText !== null && /^\d{1,15}$/.test(stepText) ? Number(stepText) : undefined,
  }
  seek()
}

/** Looks for what a link names in what was told by now. */
function seek(): void {
  const { value: view } = wanted
  if (view === undefined) return
  const { steps, lives } = chronicle()
  const life = view.actor === undefined ? undefined : [...lives.values()].findLast(each => nameOf(each) === view.actor)
  if (life) choose(life.actor)
  const isThere = view.actor === undefined || life !== undefined
  if (view.at === undefined) {
    if (isThere) wanted.value = undefined
    return
  }
  const { at } = view
  const found = steps.findLast(
    step => step.at <= at && (step.step === view.step || view.step === undefined || step.at < at),
  )
  if (found) lookAt(found.index)
  // What comes is told in order: behind the moment nothing of before it comes any more.
  if (isThere && steps.some(step => step.at > at || (view.step !== undefined && step.step === view.step)))
    wanted.value = undefined
}

/** Keeps where one is in the address, and goes where it leads. */
export function listenToLink(): void {
  const fragment = location.hash.slice(1)
  follow(fragment === '' ? decodeURI(held('view') ?? '') : fragment)
  // Whoever goes elsewhere meanwhile is not taken back.
  for (const act of ['pointerdown', 'keydown']) addEventListener(act, () => (wanted.value = undefined))
  addEventListener('hashchange', () => follow(location.hash.slice(1)))
  effect(() => {
    revision.value
    seek()
  })
  let timer: number | undefined
  effect(() => {
    const view = viewNow()
    if (wanted.value !== undefined || chosen.value === undefined) return
    clearTimeout(timer)
    timer = setTimeout(() => history.replaceState(null, '', `#${view}`), writePauseMs)
  })
}
