import type { AnyStateMachine } from 'xstate'

/** One state of a chart, as XState keeps it. */
export type ChartNode = AnyStateMachine['root']

/** One way out of a state, or one reaction inside it. */
export type ChartTransition = NonNullable<ChartNode['always']>[number]

/** More action names than this make a label longer than the arrow it stands at; the rest can be read in the chart. */
const actionsShown = 3

/**
 * The name of an action or guard, with what it is told: "closeExchange (crowded_out)". Charts name them by strings; what
 * XState builds itself (`raise` and `cancel` of an `after`, `assign`) says nothing to a reader and has no name.
 */
function nameOf(reference: unknown): string | undefined {
  if (typeof reference === 'string') return reference
  if (typeof reference !== 'object' || reference === null || !('type' in reference)) return undefined
  const params = 'params' in reference && typeof reference.params === 'object' ? reference.params : undefined
  const told = Object.values(params ?? {}).filter(value => ['string', 'number', 'boolean'].includes(typeof value))
  return told.length === 0 ? String(reference.type) : `${reference.type} (${told.join(', ')})`
}

/** "announceSubscription, replayHistory", empty when nothing has a name. */
function actionsText(actions: unknown): string {
  const list: readonly unknown[] = Array.isArray(actions) ? actions : [actions]
  const names = list.map(nameOf).filter(name => name !== undefined)
  if (names.length > actionsShown) return `${names.slice(0, actionsShown - 1).join(', ')} …`
  return names.join(', ')
}

/** "isKnown", "not isKnown", "(isKnown and isFull)". */
function guardText(guard: unknown): string {
  const name = nameOf(guard)
  if (name !== undefined) return name
  if (typeof guard !== 'function') return 'guard'
  // XState's and, or and not are functions of that name that carry what they combine.
  const parts = 'guards' in guard && Array.isArray(guard.guards) ? guard.guards.map(guardText) : []
  if (parts.length === 0) return guard.name || 'guard'
  return guard.name === 'not' ? `not ${parts[0]}` : `(${parts.join(` ${guard.name} `)})`
}

/** The actors a state invokes: their id in XState's events, their name if the chart gives one, what they run. */
function invocations(node: ChartNode): { id: string; name: string; source: string }[] {
  return node.invoke.map(({ id, src }, index) => {
    const source = typeof src === 'string' ? src : 'actor'
    // This is the id that XState makes up when the chart gives none.
    return { id, name: id === `${index}.${node.id}` ? source : id, source }
  })
}

/** The invoked actors of the whole chart: how XState names each in its events → how a reader knows it. */
export function invokedActors(root: ChartNode): Map<string, string> {
  const names = new Map(invocations(root).map(({ id, name }) => [id, name]))
  for (const child of Object.values(root.states)) for (const [id, name] of invokedActors(child)) names.set(id, name)
  return names
}

/** "bindSocket", or "endpoint (manage, pub, sub)" when the chart gives them names of their own. */
function invocationsText(node: ChartNode): string {
  const namesBySource = new Map<string, string[]>()
  for (const { name, source } of invocations(node)) {
    namesBySource.set(source, [...(namesBySource.get(source) ?? []), ...(name === source ? [] : [name])])
  }
  const texts = [...namesBySource].map(([source, names]) =>
    names.length > 0 ? `${source} (${names.join(', ')})` : source,
  )
  return texts.join(', ')
}

/** The event of a transition in the reader's words: "bindSocket done", "after heartbeatTimeout", "any other event". */
function eventText(transition: ChartTransition, actors: ReadonlyMap<string, string>): string {
  const type = String(transition.eventType)
  if (type === '') return 'always'
  if (type === '*') return 'any other event'
  const actorEvents = [
    ['xstate.done.actor.', 'done'],
    ['xstate.error.actor.', 'failed'],
    ['xstate.snapshot.', 'changed'],
  ] as const
  for (const [prefix, happened] of actorEvents) {
    if (!type.startsWith(prefix)) continue
    const id = type.slice(prefix.length)
    if (id === '*') return `any actor ${happened}`
    return id.endsWith('.*') ? `any ${id.slice(0, -2)} ${happened}` : `${actors.get(id) ?? id} ${happened}`
  }
  if (type.startsWith('xstate.done.state.')) return 'done'
  if ('delay' in transition) {
    const { delay } = transition
    if (typeof delay === 'number') return `after ${delay} ms`
    return typeof delay === 'string' ? `after ${delay}` : 'after a while'
  }
  return type
}

/** Event [guard] / actions. `earlier` are the transitions that are tried first for the same event. */
export function transitionText(
  transition: ChartTransition,
  earlier: readonly ChartTransition[],
  actors: ReadonlyMap<string, string>,
): string {
  const event = eventText(transition, actors)
  const actions = actionsText(transition.actions)
  const leadsSomewhere = transition.target !== undefined || actions !== ''
  if (!leadsSomewhere && transition.guard === undefined && transition.actions.length === 0) return `ignores ${event}`
  const guarded = transition.guard !== undefined ? ` [${guardText(transition.guard)}]` : ''
  const otherwise = guarded === '' && earlier.length > 0 ? ' [otherwise]' : ''
  return `${event}${guarded}${otherwise}${actions === '' ? '' : ` / ${actions}`}`
}

/** What a state does by itself: on the way in, while it lasts, on the way out. */
export function activityLines(node: ChartNode): string[] {
  const lines = [
    ['entry', actionsText(node.config.entry)],
    ['do', invocationsText(node)],
    ['exit', actionsText(node.config.exit)],
  ]
  return lines.filter(([, what]) => what !== '').map(([when, what]) => `${when} / ${what}`)
}

/** The words at the top of a state's box. */
export function titleOf(node: ChartNode): string {
  if (node.type !== 'history') return node.key
  return node.history === 'deep' ? 'where it was, deep down' : 'where it was'
}

/**
 * Text as mermaid takes it in a label: a colon ends a label in some of its versions, a semicolon ends the line, `%%`
 * begins a comment, `*` makes italics, and `"<>#` mean something else, so everything unusual becomes a character code.
 */
export function escaped(text: string): string {
  return text.replace(/[^\p{L}\p{N} .,()[\]/…+_-]/gu, character => `#${character.codePointAt(0)};`)
}
