import type { AnyStateMachine } from 'xstate'
import { arrowOf } from './arrows.ts'
import {
  activityLines,
  type ChartNode,
  type ChartTransition,
  escaped,
  invokedActors,
  titleOf,
  transitionText,
} from './chart-labels.ts'

/** Words that mermaid's grammar keeps for itself: none of them can be the id of a state. */
const reserved = new Set('as class classDef click default end hide href note scale state style'.split(' '))

/**
 * A chart as a mermaid `stateDiagram-v2`: nothing is run, nothing is drawn that the chart doesn't say. Mermaid breaks
 * on some arrows that charts need; {@link arrowOf} says which, and where they go instead.
 */
export function mermaidOf(machine: AnyStateMachine): string {
  return new Drawing(machine.root).text()
}

class Drawing {
  readonly #root: ChartNode
  readonly #actors: ReadonlyMap<string, string>
  readonly #ids = new Map<string, string>()
  /** Per composite state the arrows between the states in it: `from --> to` → the labels, in the chart's order. */
  readonly #arrows = new Map<ChartNode, Map<string, string[]>>()
  /** Per state what its box says under the title. */
  readonly #lines = new Map<ChartNode, string[]>()
  /** The composite states from all of which an arrow leads to a state inside. */
  readonly #leavingAll = new Set<ChartNode>()

  constructor(root: ChartNode) {
    this.#root = root
    this.#actors = invokedActors(root)
    this.#collect(root)
  }

  text(): string {
    // Regions need a box around them; any other chart is the picture itself.
    const drawn = this.#root.type === 'parallel' ? this.#state(this.#root) : this.#inside(this.#root)
    return ['stateDiagram-v2', ...indented(drawn)].join('\n')
  }

  #collect(node: ChartNode): void {
    this.#lines.set(node, activityLines(node))
    for (const group of [...node.transitions.values(), node.always ?? []]) {
      group.forEach((transition, index) => {
        this.#draw(node, transition, transitionText(transition, group.slice(0, index), this.#actors))
      })
    }
    for (const child of Object.values(node.states)) this.#collect(child)
  }

  #draw(source: ChartNode, transition: ChartTransition, label: string): void {
    if (transition.target === undefined) this.#lines.get(source)?.push(label)
    for (const target of transition.target ?? []) {
      const { from, fromAll, to, remark } = arrowOf(source, target)
      const text = label + remark
      // Mermaid shows one label only for all the loops on a state, and that often under another arrow's.
      if (from === to) this.#lines.get(from)?.push(`again ${text.startsWith('after ') ? '' : 'on '}${text}`)
      else if (fromAll) this.#declare(from, this.#idOfAll(from), to, text)
      else this.#declare(from.parent ?? this.#root, this.#id(from), to, text)
      if (fromAll) this.#leavingAll.add(from)
    }
  }

  #declare(composite: ChartNode, from: string, to: ChartNode, label: string): void {
    const arrow = `${from} --> ${this.#id(to)}`
    const arrows = this.#arrows.get(composite) ?? new Map<string, string[]>()
    this.#arrows.set(composite, arrows.set(arrow, [...(arrows.get(arrow) ?? []), escaped(label)]))
  }

  /** One arrow for all that leads from here to there: side by side, mermaid lets their labels cover each other. */
  #arrowsIn(composite: ChartNode): string[] {
    return [...(this.#arrows.get(composite) ?? [])].map(([arrow, labels]) => `${arrow} : ${labels.join('<br/>or ')}`)
  }

  #state(node: ChartNode): string[] {
    const id = this.#id(node)
    const title = escaped(titleOf(node) + (node.type === 'parallel' && !hasSimpleRegions(node) ? ' (all at once)' : ''))
    if (Object.keys(node.states).length > 0) {
      return [`state "${title}" as ${id} {`, ...indented(this.#inside(node)), '}']
    }
    const lines = this.#lines.get(node) ?? []
    const named = id === title && lines.length === 0 ? id : `state "${title}" as ${id}`
    return [named, ...lines.map(line => `${id} : ${escaped(line)}`)]
  }

  #inside(node: ChartNode): string[] {
    const children = Object.values(node.states)
    if (node.type === 'parallel') {
      const divider = hasSimpleRegions(node) ? ['--'] : []
      const parts = [...children.map(region => this.#state(region)), this.#allOf(node)].filter(
        ({ length }) => length > 0,
      )
      return parts.flatMap((part, index) => [...(index > 0 ? divider : []), ...part])
    }
    const first = children.length > 0 ? node.initial.target : []
    return [
      ...first.map(target => `[*] --> ${this.#id(arrowOf(node, target).to)}`),
      ...children.flatMap(child => this.#state(child)),
      ...this.#allOf(node),
      ...this.#arrowsIn(node),
      ...children.filter(({ type }) => type === 'final').map(final => `${this.#id(final)} --> [*]`),
    ]
  }

  /** Mermaid allows no text in a composite state beside its title: what it says goes into a box inside. */
  #allOf(node: ChartNode): string[] {
    const lines = this.#lines.get(node) ?? []
    if (lines.length === 0 && !this.#leavingAll.has(node)) return []
    const id = this.#idOfAll(node)
    return [`state "all of ${escaped(node.key)}" as ${id}`, ...lines.map(line => `${id} : ${escaped(line)}`)]
  }

  #id(node: ChartNode): string {
    return this.#unique(node.id, node.path.length > 0 ? node.path : [node.key])
  }

  #idOfAll(node: ChartNode): string {
    return this.#unique(`all of ${node.id}`, [...node.path, 'all'])
  }

  /** The path joined by `_`; a number is added when another state's path comes out the same (`a_b` and `b` in `a`). */
  #unique(owner: string, path: readonly string[]): string {
    const known = this.#ids.get(owner)
    if (known !== undefined) return known
    const taken = new Set(this.#ids.values())
    const joined = path.join('_').replace(/\W/g, '_')
    const plain = reserved.has(joined) ? `${joined}_` : joined
    let id = plain
    for (let number = 2; taken.has(id); number++) id = `${plain}_${number}`
    this.#ids.set(owner, id)
    return id
  }
}

/** Mermaid draws nothing at all when a region that is divided off contains composite states with arrows. */
function hasSimpleRegions(parallel: ChartNode): boolean {
  const inRegions = Object.values(parallel.states).flatMap(region => Object.values(region.states))
  return inRegions.every(({ states }) => Object.keys(states).length === 0)
}

function indented(lines: readonly string[]): string[] {
  return lines.map(line => `  ${line}`)
}
