import PQueue from 'p-queue'
import { parseJson } from '../protocol/json.ts'
import { compacted } from '../protocol/json-scanner.ts'
import { checkObject } from '../protocol/stix/check.ts'
import { type CommandLimits, type CommandResult, runCommand, unstarted } from './command.ts'
import { type CommandTemplate, fill, UnfillableError } from './command-line.ts'
import { iocValueOf } from './ioc.ts'
import { JsonText, valuesOf } from './json-text.ts'
import type { SightingRate } from './sighting-rate.ts'
import type { MatchSighting } from './sightings.ts'
import type { ConnectorStory } from './story.ts'

/** Where sightings go, or their contexts. */
export interface Destination {
  /** Has somebody had to wait since then (by `performance.now()`), so that what took long is not his fault? */
  wasHeldUp(sinceMs: number): boolean
  /**
   * Takes one; fulfilled when it is there or kept. Says whether that is so: not if the connector ends before. `values` are
   * for placeholders.
   */
  take(sighting: MatchSighting, values: ContextValues): Promise<boolean>
}

/** What `%ioc` and `%matchtype` stand for (CONNECTOR "Context transformation and sinks"). */
export interface ContextValues extends Readonly<Record<string, string | undefined>> {
  readonly ioc: string | undefined
  readonly matchtype: string | undefined
}

/** How much larger than a line JSON may be that is printed on many. */
const indentation = 4

/** What the commands that contexts are given to are bounded by. */
export interface ContextCommandLimits extends CommandLimits {
  readonly timeoutMs: number
  /** Aborted when those that run are to be killed, and no more started. */
  readonly signal: AbortSignal
}

/** Runs the commands that contexts are given to: so many at once, each so long. */
export class ContextCommands {
  readonly #running: PQueue
  readonly #limits: ContextCommandLimits

  constructor(atOnce: number, limits: ContextCommandLimits) {
    this.#running = new PQueue({ concurrency: atOnce })
    this.#limits = limits
  }

  /** Runs a command on a context, and answers what became of it, with what it printed if that is wanted. Never throws. */
  async run(
    template: CommandTemplate,
    values: ContextValues,
    context: JsonText,
    wantsOutput: boolean,
  ): Promise<CommandResult & { readonly output: string }> {
    let command: readonly string[]
    try {
      command = fill(template, values)
    } catch (error) {
      if (!(error instanceof UnfillableError)) throw error
      return { ...unstarted('not_started', `was not started: ${error.message}`), output: '' }
    }
    return this.#running.add(() => this.#run(command, `${context.text}\n`, wantsOutput))
  }

  async #run(command: readonly string[], stdin: string, wantsOutput: boolean) {
    let output = ''
    const result = await runCommand(command, {
      ...this.#limits,
      stdin,
      // JSON may be printed on many lines, and indented.
      maxOutputBytes: wantsOutput ? indentation * this.#limits.maxLineBytes : Number.POSITIVE_INFINITY,
      onLine: line => {
        if (wantsOutput) output += `${line}\n`
      },
    })
    return { ...result, output }
  }
}

/** What the reporting needs. */
export interface ReportingSurroundings {
  readonly destination: Destination
  readonly commands: ContextCommands
  /** `transform_context`, if it is set. */
  readonly transformation: CommandTemplate | undefined
  readonly rate: SightingRate
  readonly story: ConnectorStory
}

/** The last part of a sighting's way: it is counted against its IoC's rate, its context is transformed, and it goes. */
export class Reporting {
  readonly #surroundings: ReportingSurroundings
  #timer: NodeJS.Timeout | undefined

  constructor(surroundings: ReportingSurroundings) {
    this.#surroundings = surroundings
  }

  /** See {@link Destination.wasHeldUp}. */
  wasHeldUp(sinceMs: number): boolean {
    return this.#surroundings.destination.wasHeldUp(sinceMs)
  }

  /** Reports a sighting. Fulfilled when it is there, kept, or summed up. Says whether that is so. */
  async report(sighting: MatchSighting): Promise<boolean> {
    const { rate } = this.#surroundings
    const went = await this.#deliverAll(rate.take(sighting))
    this.#awaitDue()
    return went
  }

  /** Reports what was summed up so far. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#deliverAll(this.#surroundings.rate.flush())
  }

  /** Sums go when they are due. */
  #awaitDue(): void {
    const { rate } = this.#surroundings
    const { nextDueMs } = rate
    if (this.#timer !== undefined || nextDueMs === undefined) return
    const deliver = async () => {
      this.#timer = undefined
      await this.#deliverAll(rate.due())
      this.#awaitDue()
    }
    this.#timer = setTimeout(deliver, nextDueMs).unref()
  }

  async #deliverAll(sightings: readonly MatchSighting[]): Promise<boolean> {
    const went = await Promise.all(sightings.map(sighting => this.#deliver(sighting)))
    return went.every(each => each)
  }

  async #deliver(sighting: MatchSighting): Promise<boolean> {
    const { transformation, destination } = this.#surroundings
    const matchtype = sighting.x_threatbus_match_type
    const values = {
      ioc: iocValueOf(valuesOf(sighting)),
      matchtype: typeof matchtype === 'string' ? matchtype : undefined,
    }
    const transformed =
      transformation === undefined ? sighting : await this.#transform(sighting, transformation, values)
    return destination.take(transformed, values)
  }

  /** The sighting with its context transformed; as it is if that fails, rather than lost (CONNECTOR "Contexts elsewhere"). */
  async #transform(sighting: MatchSighting, template: CommandTemplate, values: ContextValues): Promise<MatchSighting> {
    const { commands, story } = this.#surroundings
    const result = await commands.run(template, values, sighting.x_threatbus_sighting_context, true)
    const transformed = result.outcome === 'succeeded' ? withContext(sighting, result.output) : result.sentence
    if (typeof transformed !== 'string') return transformed
    const fields = { command: template[0], ioc: values.ioc, stderr: result.stderr }
    story.lost('transformation_failed', `transform_context ${transformed}; the sighting goes untransformed`, fields)
    return sighting
  }
}

/** The sighting with what a transformation printed as its context, or what is wrong with that. */
function withContext(sighting: MatchSighting, output: string): MatchSighting | string {
  const context = parseJson(output)
  if (context === undefined) return 'printed no JSON'
  // It may be printed for people, on many lines; all else stays as it was printed.
  const transformed = { ...sighting, x_threatbus_sighting_context: new JsonText(compacted(output), context) }
  const checked = checkObject(valuesOf(transformed), 'lenient', new Date())
  return 'refused' in checked ? `printed what the bus would refuse: ${checked.detail}` : transformed
}
