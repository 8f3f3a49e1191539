import ELK, { type ElkExtendedEdge, type ElkNode } from 'elkjs/lib/elk-api.js'
import type { ChartDefinition, StateDefinition, TransitionDefinition } from '../trace/definition.ts'
import { layoutWorker } from './saved.ts'

/** A line of text in a state's box: what it does, or a reaction that leads nowhere else. */
export interface Line {
  readonly text: string
  readonly transition?: string
}

/** A state's box. Its place is that in the whole drawing, in pixels. */
export interface Box {
  readonly state: StateDefinition
  readonly depth: number
  readonly isRegion: boolean
  readonly lines: readonly Line[]
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A transition's arrow. */
export interface Arrow {
  /** Undefined: it leads to where a state begins. */
  readonly transition: TransitionDefinition | undefined
  /** For people and tests: `subscribing → joined`. */
  readonly name: string
  readonly points: readonly Point[]
  readonly label: { readonly x: number; readonly y: number; readonly lines: readonly string[] } | undefined
}

/** A place in the drawing. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** A chart, laid out. */
export interface ChartLayout {
  readonly width: number
  readonly height: number
  readonly boxes: readonly Box[]
  readonly arrows: readonly Arrow[]
  /** Where states begin. */
  readonly dots: readonly Point[]
}

const lineHeight = 15
const titleHeight = 28
const side = 10

/** The fonts that chart-view.css gives to boxes and labels. */
const fonts = { title: '600 15px system-ui, sans-serif', text: '13px system-ui, sans-serif' }

/** Characters of a line until it is cut; the whole is in the drawing's titles. */
const maxCharacters = 44

const options = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.edgeCoords': 'ROOT',
  'elk.json.shapeCoords': 'ROOT',
  'elk.spacing.nodeNode': '10',
  'elk.spacing.edgeNode': '6',
  'elk.spacing.edgeEdge': '5',
  'elk.spacing.edgeLabel': '2',
  'elk.layered.spacing.nodeNodeBetweenLayers': '14',
  'elk.layered.spacing.edgeNodeBetweenLayers': '5',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '4',
  // Of those that ELK has, these make the subscriber's chart the smallest.
  'elk.layered.nodePlacement.strategy': 'LINEAR_SEGMENTS',
  'elk.layered.cycleBreaking.strategy': 'GREEDY',
  'elk.padding': '[top=4,left=4,bottom=4,right=4]',
}

let elk: InstanceType<typeof ELK> | undefined
const layouts = new Map<string, Promise<ChartLayout>>()

/** What is written in a chart: the states alone, where there is little room; the events as well; or all of it. */
export type Detail = 'states' | 'events' | 'all'

/** Lays a chart out, in a worker. The same chart is laid out once. */
export function layoutOf(chart: ChartDefinition, detail: Detail): Promise<ChartLayout> {
  const key = `${detail} ${JSON.stringify(chart)}`
  const known = layouts.get(key) ?? laidOut(chart, detail)
  layouts.set(key, known)
  return known
}

async function laidOut(chart: ChartDefinition, detail: Detail): Promise<ChartLayout> {
  elk ??= new ELK({ workerUrl: layoutWorker() })
  const plan = new Plan(chart, detail)
  const done = await elk.layout({ id: 'chart', layoutOptions: options, children: [plan.root], edges: plan.edges })
  return plan.placed(done)
}

/** What ELK is asked, and how its answer is read. */
class Plan {
  readonly edges: ElkExtendedEdge[] = []
  readonly root: ElkNode
  readonly #states = new Map<string, Omit<Box, 'x' | 'y' | 'width' | 'height'>>()
  readonly #arrows = new Map<
    string,
    { readonly transition?: TransitionDefinition; readonly name: string; readonly lines: readonly string[] }
  >()

  readonly #detail: Detail

  constructor({ root }: ChartDefinition, detail: Detail) {
    this.#detail = detail
    this.root = this.#node(root, 0, false)
  }

  placed(graph: ElkNode): ChartLayout {
    const boxes: Box[] = []
    const dots: Point[] = []
    const visit = (node: ElkNode): void => {
      const { x = 0, y = 0, width = 0, height = 0 } = node
      const state = this.#states.get(node.id)
      if (state) boxes.push({ ...state, x, y, width, height })
      else if (node.id.endsWith(' begin')) dots.push({ x: x + width / 2, y: y + height / 2 })
      for (const child of node.children ?? []) visit(child)
    }
    visit(graph)
    const arrows = (graph.edges ?? []).flatMap((edge: ElkExtendedEdge): Arrow[] => {
      const arrow = this.#arrows.get(edge.id)
      const points = (edge.sections ?? []).flatMap(({ startPoint, bendPoints = [], endPoint }) => [
        startPoint,
        ...bendPoints,
        endPoint,
      ])
      if (arrow === undefined || points.length === 0) return []
      const [placed] = edge.labels ?? []
      const label = placed && { x: placed.x ?? 0, y: placed.y ?? 0, lines: arrow.lines }
      return [{ transition: arrow.transition, name: arrow.name, points, label }]
    })
    return { width: graph.width ?? 0, height: graph.height ?? 0, boxes, arrows, dots }
  }

  #node(state: StateDefinition, depth: number, isRegion: boolean): ElkNode {
    const lines = this.#detail === 'all' ? linesOf(state) : []
    this.#states.set(state.id, { state, depth, isRegion, lines })
    for (const transition of state.transitions) this.#arrow(state, transition)
    const width = Math.max(
      textWidth(state.key, fonts.title) + (state.type === 'final' ? 18 : 0),
      ...lines.map(({ text, transition }) => textWidth(text, fonts.text) + (transition ? 34 : 0)),
    )
    const height = titleHeight + lines.length * lineHeight + (lines.length > 0 ? 6 : 0)
    const size = { width: width + 2 * side, height }
    if (state.states.length === 0) return { id: state.id, ...size }
    const children = state.states.map(child => this.#node(child, depth + 1, state.type === 'parallel'))
    if (state.initial !== undefined) {
      const id = `${state.id} begin`
      this.edges.push({ id: `${id} edge`, sources: [id], targets: [state.initial] })
      this.#arrows.set(`${id} edge`, { name: `begin of ${state.id}`, lines: [] })
      children.unshift({ id, width: 9, height: 9 })
    }
    if (state.type === 'parallel' && isLarge(state)) this.#stack(state.states)
    return {
      id: state.id,
      children,
      layoutOptions: {
        ...options,
        ...(isRegion && isClosed(state) && aside),
        'elk.padding': `[top=${height + 2},left=8,bottom=8,right=8]`,
        'elk.nodeSize.constraints': 'MINIMUM_SIZE',
        'elk.nodeSize.minimum': `(${size.width}, ${size.height})`,
      },
    }
  }

  /** Large regions stand below each other, or they would be wider than any window. ELK takes edges for it; they aren't drawn. */
  #stack(regions: readonly StateDefinition[]): void {
    for (const [place, { id }] of regions.entries()) {
      const next = regions[place + 1]
      if (next) this.edges.push({ id: `${id} above`, sources: [id], targets: [next.id] })
    }
  }

  #arrow(state: StateDefinition, transition: TransitionDefinition): void {
    for (const target of transition.targets) {
      const id = `${transition.key} ${target}`
      const lines = this.#detail === 'all' ? labelLines(transition) : shortLabel(transition)
      // Room for the count that stands behind the first line.
      const width = Math.max(...lines.map((line, index) => textWidth(line, fonts.text) + (index === 0 ? 32 : 0))) + 6
      const label = { text: lines.join('\n'), width, height: lines.length * lineHeight + 2 }
      const labels = this.#detail === 'states' ? [] : [label]
      this.edges.push({ id, sources: [state.id], targets: [target], labels })
      this.#arrows.set(id, { transition, name: `${state.id} → ${target}`, lines })
    }
  }
}

/** A region that no arrow leaves, and that has none itself, is laid out by itself, from left to right: it is as low as it can be. */
const aside = { 'elk.hierarchyHandling': 'SEPARATE_CHILDREN', 'elk.direction': 'RIGHT' }

function isClosed({ id, ...state }: StateDefinition): boolean {
  if (state.transitions.some(({ targets }) => targets.length > 0)) return false
  const targets = (within: Pick<StateDefinition, 'states' | 'transitions'>): string[] => [
    ...within.transitions.flatMap(transition => transition.targets),
    ...within.states.flatMap(targets),
  ]
  return targets(state).every(target => target.startsWith(`${id}.`))
}

/** More states than these in all regions together make a chart too wide. */
const fewStates = 8

function isLarge({ states }: StateDefinition): boolean {
  return states.reduce((sum, region) => sum + region.states.length, 0) > fewStates
}

function linesOf(state: StateDefinition): Line[] {
  const activities = [
    ['entry', state.entry],
    ['do', state.invoke],
    ['exit', state.exit],
  ] as const
  return [
    ...activities.flatMap(([when, what]) => what.map(text => ({ text: cut(`${when} / ${text}`) }))),
    ...state.transitions
      .filter(({ targets }) => targets.length === 0)
      .map(transition => ({ text: cut(labelLines(transition).join(' ')), transition: transition.key })),
  ]
}

/** What takes an arrow, in short lines: the event, or the guard of one that is taken at once. */
function shortLabel({ event, eventType, guard }: TransitionDefinition): string[] {
  const words = eventType === '' && guard !== undefined ? `[${guard}]` : event
  return words.split(' ').map(cut)
}

function labelLines({ event, guard, actions }: TransitionDefinition): string[] {
  const first = guard === undefined ? event : `${event} [${guard}]`
  return [cut(first), ...(actions.length === 0 ? [] : [cut(`/ ${actions.join(', ')}`)])]
}

function cut(text: string): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters - 1)}…` : text
}

const context = document.createElement('canvas').getContext('2d')

function textWidth(text: string, font: string): number {
  if (context === null) return text.length * 7
  context.font = font
  return Math.ceil(context.measureText(text).width)
}
