import type { AnyStateMachine } from 'xstate'

/** A chart, as the page draws it. */
export interface ChartDefinition {
  readonly id: string
  readonly root: StateDefinition
}

/** One state of a chart. */
export interface StateDefinition {
  /** Unique in the chart: `subscriber.joined.flow`. */
  readonly id: string
  readonly key: string
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  readonly description?: string
  /** The id of the state that it begins in. */
  readonly initial?: string
  readonly entry: readonly string[]
  readonly exit: readonly string[]
  /** The actors that run while it lasts. */
  readonly invoke: readonly string[]
  readonly transitions: readonly TransitionDefinition[]
  readonly states: readonly StateDefinition[]
}

/** One way out of a state, or one reaction inside it. */
export interface TransitionDefinition {
  /** Unique in the chart: steps name it by this. */
  readonly key: string
  readonly eventType: string
  /** The event in words: `locatePosition done`, `after joinTimeout`, `always`. */
  readonly event: string
  readonly delay?: string
  /** `otherwise` if others are tried first. */
  readonly guard?: string
  readonly actions: readonly string[]
  /** Ids of the states that it leads to; empty if it leads nowhere else. */
  readonly targets: readonly string[]
}

type StateNode = AnyStateMachine['root']
type Transition = NonNullable<StateNode['always']>[number]

/** A chart in plain JSON, from the machine's own definition. */
export function definitionOf(machine: AnyStateMachine): ChartDefinition {
  return { id: machine.id, root: stateOf(machine.root, invokedActors(machine.root)) }
}

/** What names a transition in steps: its source, its event, and its place among those that are tried for that event. */
export function transitionKey(transition: Transition): string | undefined {
  const { source, eventType } = transition
  const place = transitionsOf(source, String(eventType)).indexOf(transition)
  return place < 0 ? undefined : `${source.id} ${eventType} ${place}`
}

function transitionsOf(node: StateNode, eventType: string): readonly Transition[] {
  return eventType === '' ? (node.always ?? []) : (node.transitions.get(eventType) ?? [])
}

function stateOf(node: StateNode, actors: ReadonlyMap<string, string>): StateDefinition {
  const [initial] = node.type === 'compound' ? (node.initial?.target ?? []) : []
  const all = [...(node.always ?? []), ...[...node.transitions.values()].flat()]
  return {
    id: node.id,
    key: node.key,
    type: node.type,
    ...(node.description !== undefined && { description: node.description }),
    ...(initial && { initial: initial.id }),
    entry: names(node.config.entry),
    exit: names(node.config.exit),
    invoke: node.invoke.map(({ id }) => actors.get(id) ?? id),
    transitions: all.flatMap(transition => {
      const key = transitionKey(transition)
      return key === undefined ? [] : [transitionOf(transition, key, actors)]
    }),
    states: Object.values(node.states).map(child => stateOf(child, actors)),
  }
}

function transitionOf(transition: Transition, key: string, actors: ReadonlyMap<string, string>): TransitionDefinition {
  const eventType = String(transition.eventType)
  const delay = 'delay' in transition && transition.delay !== undefined ? String(transition.delay) : undefined
  const isFirst = transitionsOf(transition.source, eventType)[0] === transition
  const guard = transition.guard === undefined ? (isFirst ? undefined : 'otherwise') : guardName(transition.guard)
  return {
    key,
    eventType,
    event: delay === undefined ? eventWords(eventType, actors) : `after ${delay}`,
    ...(delay !== undefined && { delay }),
    ...(guard !== undefined && { guard }),
    actions: names(transition.actions),
    targets: (transition.target ?? []).map(({ id }) => id),
  }
}

/** How XState names the actors that a chart invokes in their events → how the chart names them. */
function invokedActors(node: StateNode): Map<string, string> {
  const named = node.invoke.map(({ id, src }, index): [string, string] => {
    // This is the id that XState makes up when the chart gives none.
    return [id, id === `${index}.${node.id}` && typeof src === 'string' ? src : id]
  })
  return new Map([...named, ...Object.values(node.states).flatMap(child => [...invokedActors(child)])])
}

/** An event's type in the reader's words. */
export function eventWords(type: string, actors: ReadonlyMap<string, string> = new Map()): string {
  if (type === '') return 'always'
  if (type === '*') return 'any other event'
  if (type === 'xstate.init') return 'started'
  if (type === 'xstate.stop') return 'stopped'
  if (type.startsWith('xstate.after.')) return `after ${type.split('.')[2]}`
  if (type.startsWith('xstate.done.state.')) return 'done'
  for (const [prefix, happened] of [
    ['xstate.done.actor.', 'done'],
    ['xstate.error.actor.', 'failed'],
    ['xstate.snapshot.', 'changed'],
  ] as const) {
    if (!type.startsWith(prefix)) continue
    const id = type.slice(prefix.length)
    if (id === '*') return `any actor ${happened}`
    return id.endsWith('.*') ? `any ${id.slice(0, -2)} ${happened}` : `${actors.get(id) ?? id} ${happened}`
  }
  return type
}

/** The names of actions, with what they are told: `tell (stale, never_joined)`. Those that XState builds itself have none. */
function names(actions: unknown): string[] {
  return (Array.isArray(actions) ? actions : [actions]).map(nameOf).filter(name => name !== undefined)
}

/** The name of an action, with the parameters that are plain values; undefined if it is XState's own. */
export function nameOf(action: unknown): string | undefined {
  if (typeof action === 'string') return action.startsWith('xstate.') ? undefined : action
  if (typeof action !== 'object' || action === null || !('type' in action)) return undefined
  if (String(action.type).startsWith('xstate.')) return undefined
  const params = 'params' in action && typeof action.params === 'object' ? action.params : undefined
  const told = Object.values(params ?? {}).filter(value => ['string', 'number', 'boolean'].includes(typeof value))
  return told.length === 0 ? String(action.type) : `${action.type} (${told.join(', ')})`
}

function guardName(guard: unknown): string {
  if (typeof guard === 'function') return guard.name || 'guard'
  return nameOf(guard) ?? 'guard'
}
