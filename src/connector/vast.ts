import type { VastAnswer } from '../../machines/vocabulary-connector.ts'
import {
  type CommandLimits,
  type CommandOptions,
  type CommandOutcome,
  type CommandResult,
  runCommand,
  unstarted,
} from './command.ts'
import { UnfillableError } from './command-line.ts'
import {
  addIocArguments,
  exportHelpArguments,
  liveMatchArguments,
  lowPriorityOption,
  removeIocArguments,
  retroMatchArguments,
  statusArguments,
  type VastCommands,
} from './vast-commands.ts'

/** Which VAST it is, and how it is called. */
export interface VastSettings extends CommandLimits {
  readonly binary: string
  /** `host:port`. */
  readonly endpoint: string
  readonly commands: VastCommands
  /** Milliseconds that a call may take that is neither a query nor the live matcher. */
  readonly timeoutMs: number
  /** The live matcher's name. */
  readonly matcher: string
  /** Milliseconds that a query may take; 0 for ever. */
  readonly queryTimeoutMs: number
  /** Events that a query reports at most; 0 for all. */
  readonly maxEvents: number
}

/** What is to be done with a call under way. */
export type Call = Pick<CommandOptions, 'onLine' | 'onStarted' | 'signal'>

/** How a call of VAST came to its end: as any command, or it failed because VAST can't parse what it was told. */
export type CallOutcome = CommandOutcome | 'syntax_error'

/** What a call of VAST that has ended leaves behind. */
export interface CallResult extends Omit<CommandResult, 'outcome'> {
  readonly outcome: CallOutcome
}

/**
 * VAST's names for what it can't parse, at the beginning of an error such as `!! syntax_error: invalid query: …`: before
 * anything is quoted, for what a query looks for was written by others. Older versions say `parse_error` of a query.
 */
const syntaxError = /^[^"'`\n]*\b(?:syntax[ _]error|parse_error|invalid_query)\b/im

/** VAST, by its command line: each call is a process. None of the calls throws, they tell how it went. */
export class Vast {
  readonly #settings: VastSettings
  #lowPriority = false
  #trouble = ''

  constructor(settings: VastSettings) {
    this.#settings = settings
  }

  /** What became of the last call that was to say whether the node is there, if it did not. */
  get trouble(): string {
    return this.#trouble
  }

  /** Asks whether the node is there, and if so, whether it knows queries of low priority. */
  async status(signal?: AbortSignal): Promise<VastAnswer> {
    const { commands, endpoint } = this.#settings
    const wanted = signal === undefined ? {} : { signal }
    const status = await this.#short(() => statusArguments(commands, { endpoint }), wanted)
    this.#trouble = status.stderr === '' ? status.sentence : `${status.sentence}: ${status.stderr}`
    if (status.outcome !== 'succeeded') return 'away'
    let known = false
    const onLine = (line: string) => {
      known ||= line.includes(lowPriorityOption)
    }
    await this.#short(() => exportHelpArguments(commands, { endpoint }), { ...wanted, onLine })
    this.#lowPriority = known
    return 'there'
  }

  /** Runs a query to its end; each line that it prints is an event. */
  query(query: string, call: Call): Promise<CallResult> {
    const { commands, endpoint, maxEvents, queryTimeoutMs: timeoutMs } = this.#settings
    const lowPriority = this.#lowPriority
    const args = () => retroMatchArguments(commands, { endpoint, query, maxEvents, lowPriority })
    return this.#run(args, { ...call, timeoutMs })
  }

  /** Attaches to the live matcher, until it ends or is ended; each line that it prints is a match. */
  attach(call: Call): Promise<CallResult> {
    const { commands, endpoint, matcher } = this.#settings
    return this.#run(() => liveMatchArguments(commands, { endpoint, matcher }), call)
  }

  /** Makes the live matcher look for a value. Its matches come with the reference. */
  addIoc(value: string, reference: string, call: Call): Promise<CallResult> {
    const { commands, endpoint, matcher } = this.#settings
    return this.#short(() => addIocArguments(commands, { endpoint, matcher, value, reference }), call)
  }

  /** Makes the live matcher look for a value no longer. */
  removeIoc(value: string, call: Call): Promise<CallResult> {
    const { commands, endpoint, matcher } = this.#settings
    return this.#short(() => removeIocArguments(commands, { endpoint, matcher, value }), call)
  }

  #short(args: Arguments, call: Call): Promise<CallResult> {
    return this.#run(args, { ...call, timeoutMs: this.#settings.timeoutMs })
  }

  async #run(args: Arguments, call: Call & { readonly timeoutMs?: number }): Promise<CallResult> {
    const { binary, maxLineBytes, killGraceMs } = this.#settings
    let command: readonly string[]
    try {
      command = [binary, ...args()]
    } catch (error) {
      if (!(error instanceof UnfillableError)) throw error
      return unstarted('not_started', `was not started: ${error.message}`)
    }
    const result = await runCommand(command, { ...call, maxLineBytes, killGraceMs })
    return result.outcome === 'failed' && syntaxError.test(result.stderr)
      ? { ...result, outcome: 'syntax_error' }
      : result
  }
}

/** Fills in a template, which may refuse. */
type Arguments = () => readonly string[]
