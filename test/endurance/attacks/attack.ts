/** Where a broker that is attacked listens. */
export interface Target {
  readonly host: string
  /** Its three ZeroMQ endpoints. */
  readonly manage: number
  readonly pub: number
  readonly sub: number
  /** Its inspector. */
  readonly http: number
}

/** What a stranger does to a broker over the network: all that is his are connections, and what he sends by them. */
export interface Attack {
  readonly name: string
  /** What he does, and what he hopes for, in a sentence. */
  readonly description: string
  /**
   * Attacks by at most so many connections at once, again and again, until the signal. It only rejects for its own mistakes:
   * that the broker refuses or closes something is what it is there for.
   */
  run(target: Target, connections: number, signal: AbortSignal): Promise<void>
}
