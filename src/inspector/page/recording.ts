import { signal } from '@preact/signals'
import type { Chronicle } from '../story/chronicle.ts'
import type { TraceRecord } from '../trace/records.ts'
import { download, fileName } from './saved.ts'

/** Characters that a recording has at most; then it ends. */
const maxCharacters = 64 * 1024 * 1024

/** What is being recorded; undefined: nothing. */
export const recording = signal<{ readonly startedAt: number; readonly characters: number } | undefined>(undefined)

let lines: string[] = []

/** Begins to record: first what there is. Whoever is watched hears nothing of it, so it needs no permission. */
export function startRecording(kept: Chronicle): void {
  const { heads, definitions, lives, now } = kept
  if (heads.size === 0) return
  lines = []
  recording.value = { startedAt: Date.now(), characters: 0 }
  for (const head of heads.values()) note({ ...head, at: now })
  for (const definition of definitions) note(definition)
  for (const life of lives.values()) {
    const snapshot = life.stateAt(kept.lastIndex)?.snapshot
    const { actor, id, chart, parent, about } = life
    const origin = life.origin === '' ? {} : { origin: life.origin }
    note({ type: '@xstate.actor', at: now, ...origin, actor, id, chart, parent, about, ...(snapshot && { snapshot }) })
  }
}

/** Takes a record, if there is a recording. */
export function note(record: TraceRecord): void {
  const { value } = recording
  if (value === undefined) return
  const line = JSON.stringify(record)
  lines.push(line)
  recording.value = { ...value, characters: value.characters + line.length + 1 }
  if (value.characters > maxCharacters) saveRecording()
}

/** Ends the recording, and saves it as a file that `threatbus inspect` opens. */
export function saveRecording(): void {
  const { value } = recording
  if (value === undefined) return
  recording.value = undefined
  download(fileName(value.startedAt, 'trace.jsonl'), [`${lines.join('\n')}\n`], 'application/jsonl')
  lines = []
}
