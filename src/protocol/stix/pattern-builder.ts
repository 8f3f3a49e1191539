import type {
  Comparison,
  ComparisonExpression,
  JoinedComparisons,
  JoinedObservations,
  Literal,
  ObjectPath,
  ObservationExpression,
  PathStep,
  Qualifier,
} from './pattern-tree.ts'

/**
 * Builds the tree of a pattern from what its readers find, in the order in which they find it: parts come before the
 * whole. What is finished but not yet part of something waits on a stack.
 */
export class TreeBuilder {
  #observations: ObservationExpression[] = []
  #comparisons: ComparisonExpression[] = []
  #qualifiers: Qualifier[] = []
  #values: Literal[] = []
  #type = ''
  #steps: PathStep[] = []

  /** The whole: what is left when everything is read. */
  get pattern(): ObservationExpression | undefined {
    return this.#observations[0]
  }

  /** A path begins, into an object of this type. */
  type(type: string): void {
    this.#type = type
    this.#steps = []
  }

  /** The path goes on to a property. */
  property(name: string): void {
    this.#steps.push({ kind: 'property', name })
  }

  /** The path goes on to one element of a list. */
  element(index: string): void {
    this.#steps.push({ kind: 'index', index })
  }

  /** The path goes on to any element of a list. */
  anyElement(): void {
    this.#steps.push({ kind: 'any' })
  }

  /** A value to compare with: one of a set, if it is a set. */
  value(value: Literal): void {
    this.#values.push(value)
  }

  /** The path and the values since the last comparison are one. */
  comparison(operator: Comparison['operator'], negated: boolean): void {
    const value = operator === 'IN' ? this.#values : this.#values[0]
    // The readers have seen to it that there is a value, and that it is one that the operator takes.
    this.#comparisons.push({ kind: 'comparison', path: this.#path(), negated, operator, value } as Comparison)
    this.#values = []
  }

  /** The path is a test for existence. */
  existence(negated: boolean): void {
    this.#comparisons.push({ kind: 'existence', path: this.#path(), negated })
  }

  /** The last `count` comparisons, two or more, are joined to one. */
  joinComparisons(operator: JoinedComparisons['operator'], count: number): void {
    this.#comparisons.push({ kind: 'comparisons', operator, operands: this.#comparisons.splice(-count) })
  }

  /** What was compared is an observation. */
  observation(): void {
    const comparison = this.#comparisons.pop()
    if (comparison) this.#observations.push({ kind: 'observation', comparison })
  }

  /** The last `count` observations, two or more, are joined to one. */
  joinObservations(operator: JoinedObservations['operator'], count: number): void {
    this.#observations.push({ kind: 'observations', operator, operands: this.#observations.splice(-count) })
  }

  /** A qualifier of the last observation, or group of them. */
  qualifier(qualifier: Qualifier): void {
    this.#qualifiers.push(qualifier)
  }

  /** The last observation, or group of them, is qualified by the qualifiers since then, one or more. */
  qualify(): void {
    const expression = this.#observations.pop()
    if (expression) this.#observations.push({ kind: 'qualified', expression, qualifiers: this.#qualifiers })
    this.#qualifiers = []
  }

  #path(): ObjectPath {
    return { type: this.#type, steps: this.#steps }
  }
}
