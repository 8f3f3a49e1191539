import { savedElements } from '../trace/saved-page.ts'

/** What a page that was saved as one file holds; undefined: it is served, and asks. */
export function held(what: keyof typeof savedElements): string | undefined {
  return document.getElementById(savedElements[what])?.textContent ?? undefined
}

/** Where the code is that lays out charts. */
export function layoutWorker(): string {
  const code = held('worker')
  if (code === undefined) return '/inspector/layout-worker.js'
  return URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
}

/** Gives somebody a file. */
export function download(name: string, parts: readonly string[], type: string): void {
  const url = URL.createObjectURL(new Blob([...parts], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** The name of a file that is saved at a time. */
export function fileName(at: number, ending: string): string {
  return `threatbus-${new Date(at).toISOString().slice(0, 19).replaceAll(':', '')}.${ending}`
}
