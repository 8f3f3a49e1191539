import type { ChartNode } from './chart-labels.ts'

/** Where a transition is drawn: always between two states of the same composite state, or from one to itself. */
export interface Arrow {
  readonly from: ChartNode
  /** Does the arrow lead from "all of `from`", the box inside it, to a state in it, instead of away from its border? */
  readonly fromAll: boolean
  readonly to: ChartNode
  /** What the arrow itself can't say, because an end was moved: " (in sending.waiting, to idle)", or nothing. */
  readonly remark: string
}

/**
 * Places the arrow of one transition where mermaid draws it well. Mermaid gives no picture, an arrow into nowhere, or
 * boxes that cover each other and their arrows' labels, when an arrow crosses the border of a composite state or of a
 * region of a parallel one, leads from a composite state into itself, or is declared elsewhere than in the closest state
 * that contains both ends. So:
 *
 * - an end that lies deeper moves up to the border of the state that stands beside the other end;
 * - a transition from inside a state to that state, or between regions of a parallel state, becomes a loop on it;
 * - a transition from a composite state to one inside it starts at "all of" it (of the region concerned).
 */
export function arrowOf(source: ChartNode, target: ChartNode): Arrow {
  if (isInside(target, source)) return arrowInto(source, target)
  if (source === target || isInside(source, target)) return arrowBetween(target, target, source, target)
  const around = lineage(source).find(candidate => isInside(target, candidate))
  if (around === undefined) throw new Error(`${source.id} and ${target.id} are not of one chart`)
  if (around.type === 'parallel') return arrowBetween(around, around, source, target)
  return arrowBetween(childOf(around, source), childOf(around, target), source, target)
}

/** From a composite state into itself. A parallel state has no room of its own: its region stands in for it. */
function arrowInto(source: ChartNode, target: ChartNode): Arrow {
  const child = childOf(source, target)
  if (source.type !== 'parallel') return { ...arrowBetween(source, child, source, target), fromAll: true }
  return child === target ? arrowBetween(source, source, source, target) : arrowInto(child, target)
}

function arrowBetween(from: ChartNode, to: ChartNode, source: ChartNode, target: ChartNode): Arrow {
  const moved = [
    ...(from === source ? [] : [`in ${pathFrom(from, source)}`]),
    ...(to === target ? [] : [`to ${pathFrom(to, target)}`]),
  ]
  return { from, fromAll: false, to, remark: moved.length === 0 ? '' : ` (${moved.join(', ')})` }
}

/** The child of `composite` that is or contains `node`. */
function childOf(composite: ChartNode, node: ChartNode): ChartNode {
  return lineage(node).find(({ parent }) => parent === composite) ?? node
}

/** The states from `node` up to the root, itself first. */
function lineage(node: ChartNode): ChartNode[] {
  return node.parent === undefined ? [node] : [node, ...lineage(node.parent)]
}

/** Is `node` somewhere inside `composite`, not itself? */
function isInside(node: ChartNode, composite: ChartNode): boolean {
  return node !== composite && lineage(node).includes(composite)
}

/** How a state is called seen from one that contains it: "sending.waiting". */
function pathFrom(composite: ChartNode, node: ChartNode): string {
  return node.path.slice(composite.path.length).join('.')
}
