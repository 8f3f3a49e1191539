import type { Offer, Place } from './places.ts'

/** A word as shells read it that keeps its characters, whatever they are. POSIX "Quoting", 2.2.2; zsh and fish agree. */
export function quotedWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

/** Words, each quoted. */
export function quotedWords(words: readonly string[]): string {
  return words.map(quotedWord).join(' ')
}

/** The shell's pattern for the commands below a place: what leads to them, as `/history/export`. */
export function commandPaths(places: readonly Place[]): string {
  return places
    .filter(({ path }) => path !== '')
    .map(({ path }) => path)
    .join('|')
}

/** Options with a value that is offered the same way, each as a pattern of place and option. */
export function optionsByOffer(places: readonly Place[]): readonly (readonly [Offer, readonly string[]])[] {
  const found = new Map<string, readonly [Offer, string[]]>()
  for (const { path, options } of places) {
    for (const { flags, value } of options) {
      if (value === undefined) continue
      const key = JSON.stringify(value)
      const patterns = found.get(key)?.[1] ?? []
      found.set(key, [value, patterns])
      patterns.push(...flags.map(flag => quotedWord(`${path} ${flag}`)))
    }
  }
  return [...found.values()]
}
