import type { CommandTemplate } from './command-line.ts'
import type { Counters } from './counters.ts'
import type { ContextCommands, ContextValues, Destination } from './reporting.ts'
import type { MatchSighting } from './sightings.ts'
import type { ConnectorStory } from './story.ts'

/** Where lines are printed. */
export interface LineSink {
  /** Fulfilled when there is room for the next one. */
  write(line: string): Promise<void>
  /** Fulfilled when what was written is out. */
  flush(): Promise<void>
}

/** What takes longer than this, in milliseconds, had to wait for the reader. */
const waitMs = 100

/** `sink: STDOUT`: prints contexts, one JSON a line, and nothing else. */
export class PrintedContexts implements Destination {
  readonly #output: LineSink
  readonly #counters: Counters
  #heldUpMs = 0

  constructor(output: LineSink, counters: Counters) {
    this.#output = output
    this.#counters = counters
  }

  wasHeldUp(sinceMs: number): boolean {
    return this.#heldUpMs > sinceMs
  }

  async take(sighting: MatchSighting): Promise<boolean> {
    const startMs = performance.now()
    await this.#output.write(sighting.x_threatbus_sighting_context.text)
    if (performance.now() - startMs > waitMs) this.#heldUpMs = performance.now()
    this.#counters.reported()
    return true
  }
}

/** `sink: CMD`: gives each context to a command of its own. */
export class PipedContexts implements Destination {
  readonly #commands: ContextCommands
  readonly #template: CommandTemplate
  readonly #story: ConnectorStory
  readonly #counters: Counters

  constructor(commands: ContextCommands, template: CommandTemplate, story: ConnectorStory, counters: Counters) {
    this.#commands = commands
    this.#template = template
    this.#story = story
    this.#counters = counters
  }

  /** Commands have a deadline of their own. */
  wasHeldUp(): boolean {
    return false
  }

  async take(sighting: MatchSighting, values: ContextValues): Promise<boolean> {
    const result = await this.#commands.run(this.#template, values, sighting.x_threatbus_sighting_context, false)
    if (result.outcome === 'aborted') return false
    if (result.outcome === 'succeeded') this.#counters.reported()
    else {
      const fields = { command: this.#template[0], ioc: values.ioc, stderr: result.stderr }
      this.#story.lost('sink_failed', `the sink ${result.sentence}; the context is lost`, fields)
    }
    return true
  }
}
