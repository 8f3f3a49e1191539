import * as z from 'zod'
import type { InMs } from '../config/durations.ts'
import { inspectorSection } from '../config/inspector.ts'
import { loggingSection } from '../config/logging.ts'
import { bytes, count, endpoint, expecting, fileName, flag, seconds, section, unlessEmpty } from '../config/values.ts'
import { parseCommand } from './command-line.ts'
import { checkVastCommand, defaultVastCommands, type VastCommands, vastPlaceholders } from './vast-commands.ts'

/** `sink: STDOUT` prints; every other sink is a command. */
export const standardOutput = 'STDOUT'

/** The rule that `check`, which throws a sentence, knows. The message says what is wrong rather than what was expected. */
function obeying<Value>(check: (value: Value) => void) {
  return (value: Value, context: z.RefinementCtx<Value>) => {
    try {
      check(value)
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message, input: value })
    }
  }
}

/** A command as one writes it for a shell, which splits it into arguments (command-line.ts). */
function command() {
  return expecting('a command', z.string().superRefine(obeying(parseCommand)))
}

/** The arguments of one of VAST's calls. */
function call(name: keyof VastCommands, purpose: string) {
  const placeholders = vastPlaceholders[name].map(placeholder => `%${placeholder}`).join(', ')
  const check = (template: string[]) => checkVastCommand(name, template)
  return expecting('a list of arguments', z.array(z.string()).min(1).superRefine(obeying(check)))
    .default([...defaultVastCommands[name]])
    .describe(`${purpose} Placeholders: ${placeholders}.`)
}

const commands = section({
  status: call('status', 'Is the node there? Exits with 0 if so.'),
  export_help: call('export_help', 'Prints --low-priority if it knows queries of low priority.'),
  retro_match: call('retro_match', 'Prints the events that a query finds, one JSON a line.'),
  live_match: call('live_match', 'Prints live matches, one JSON a line, until it is ended.'),
  add_ioc: call('add_ioc', 'Makes the live matcher look for a value.'),
  remove_ioc: call('remove_ioc', 'Makes the live matcher look for a value no longer.'),
}).describe(
  "The calls of VAST's command line, as the arguments after `vast_binary`, for a VAST with other verbs. An argument with a placeholder that has no value in a call is left out.",
)

const metrics = section({
  interval: seconds(0).default(10).describe('Seconds between two lines of metrics; 0 writes none.'),
  filename: fileName()
    .default('metrics.log')
    .describe('The file they are appended to, as InfluxDB lines, relative to the working directory.'),
}).describe('What was counted, for InfluxDB.')

const retryPause = section(
  {
    shortest: seconds().default(0.25).describe('Seconds before the first new try; each pause is about twice the last.'),
    longest: seconds().default(10).describe('The longest such pause, in seconds.'),
  },
  [
    {
      key: 'longest',
      besides: 'shortest',
      holds: ({ shortest, longest }) =>
        typeof shortest !== 'number' || typeof longest !== 'number' || shortest <= longest,
      sentence: ({ shortest, longest }) => `the longest pause, ${longest}, is shorter than the shortest, ${shortest}`,
    },
  ],
).describe('How long to wait until the bus or VAST is asked again when it was not there.')

/** The connector's configuration: every key with its default, its range and what it is for. */
export const connectorSchema = section(
  {
    logging: loggingSection('vast-threatbus.log', 'Log to a file, as JSON lines.'),
    metrics,
    inspector: inspectorSection('connector', 13374),
    vast: endpoint().default('localhost:42000').describe('The VAST node.'),
    vast_binary: fileName().default('vast').describe("VAST's program: a path, or a name to be found in PATH."),
    vast_timeout: seconds()
      .default(30)
      .describe('Seconds that a call of VAST may take that is neither a query nor the live matcher.'),
    commands,
    threatbus: endpoint().default('localhost:13370').describe("The bus's `manage` endpoint."),
    snapshot: count(0, 36_500)
      .default(30)
      .describe('Days back from which indicators are matched that were published before the connector started.'),
    live_match: flag().default(false).describe('Match indicators against events as VAST takes them in.'),
    matcher_name: unlessEmpty(
      expecting('a name that does not begin with a dash', z.string().regex(/^[^\0-][^\0]*$/)),
    ).describe('The live matcher of VAST. Required with `live_match`.'),
    max_live_iocs: count(1, 100_000_000)
      .default(1_000_000)
      .describe(
        'IoCs that the live matcher looks for at once. Beyond, new ones are matched against stored events only.',
      ),
    retro_match: flag().default(true).describe('Match indicators against the events that VAST has stored.'),
    retro_match_max_events: count(0, 1_000_000_000)
      .default(0)
      .describe('Events that one query reports at most; 0 for all.'),
    retro_match_timeout: seconds(0)
      .default(3600)
      .describe('Seconds that one query may take until it is ended; what it found until then is reported. 0 for ever.'),
    retro_match_attempts: count(1, 1000)
      .default(5)
      .describe('Times that a query is made that fails while VAST is there. Then it is given up, and the log says so.'),
    max_background_tasks: count(1, 100_000)
      .default(500)
      .describe('Queries and changes of the live matcher that run at once, each a process of VAST.'),
    max_waiting_indicators: count(1, 10_000_000)
      .default(1000)
      .describe('Indicators that wait for their query. Beyond, none is taken from the bus, which keeps them.'),
    transform_context: unlessEmpty(command()).describe(
      "A command that every sighting's context is piped through. %ioc stands for the value, %matchtype for LIVE or RETRO.",
    ),
    sink: unlessEmpty(
      expecting(
        'STDOUT or a command',
        z.string().superRefine(obeying(text => (text === standardOutput ? undefined : parseCommand(text)))),
      ),
    ).describe(
      'Where contexts go instead of the bus: STDOUT prints them, one JSON a line; a command reads them on standard input.',
    ),
    command_timeout: seconds().default(10).describe('Seconds that one run of `transform_context` or `sink` may take.'),
    max_commands: count(1, 10_000).default(8).describe('Runs of `transform_context` and `sink` at once.'),
    max_sightings_per_minute: count(0, 1_000_000)
      .default(0)
      .describe(
        'Sightings of one IoC that go to the bus in a minute; more are summed up in one with a count. 0 for all.',
      ),
    max_line_bytes: bytes(1024, 268_435_456)
      .default(1_048_576)
      .describe(
        'Bytes of an event that VAST prints; a longer one is passed over. Also of what `transform_context` prints.',
      ),
    max_waiting_sighting_bytes: bytes(1024, 68_719_476_736)
      .default(67_108_864)
      .describe('Bytes of sightings that wait for the bus. Beyond, what VAST prints is not read.'),
    retry_pause: retryPause,
    kill_grace: seconds()
      .default(2)
      .describe('Seconds that a process has to end when it is told to (SIGTERM), until it is killed.'),
    shutdown_timeout: seconds(0)
      .default(10)
      .describe('Seconds that running queries may take once the connector was told to end. Then they are killed.'),
    flush_timeout: seconds(0)
      .default(5)
      .describe('Seconds that sightings may take then to leave. Without `state` the rest is lost, and counted.'),
    state: unlessEmpty(fileName()).describe(
      'A file for what waits when the connector ends, relative to the configuration. Unset, nothing is kept on disk.',
    ),
  },
  [
    {
      key: 'matcher_name',
      besides: 'live_match',
      holds: ({ live_match, matcher_name }) => live_match !== true || matcher_name !== undefined,
      sentence: () => 'live_match needs the name of a matcher, and there is none',
    },
  ],
)

/** The connector's configuration as it is written. Durations are in seconds, sizes in bytes. */
export type WrittenConnectorConfig = z.output<typeof connectorSchema>

/** The connector's configuration. Durations are in milliseconds, sizes in bytes. */
export type ConnectorConfig = InMs<WrittenConnectorConfig>
