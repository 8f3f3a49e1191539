import { Command, InvalidArgumentError, Option } from 'commander'
import { readEndpoint } from '../client/endpoint.ts'
import { packageVersion } from '../observe/version.ts'
import { longestTimerMs } from '../protocol/timer.ts'
import { addExamples } from './command-tree.ts'
import { completeProgram, refuseUnknown } from './every-program.ts'
import { threatbusExamples } from './examples.ts'
import { type Exit, exitCodes, exitHelp } from './exit-codes.ts'
import type { RunOptions } from './run.ts'
import { readSince } from './since.ts'

/*
 * The command line, of which completions and the man page are made as well. What a command does is in a file of its own,
 * loaded when it is called: `threatbus ping` does not load the broker.
 */

/** Exit codes of `threatbus`, and what they say. */
export const threatbusExits: readonly Exit[] = [
  [exitCodes.ok, 'all went well, or a signal or the reader of the output ended what goes on for ever'],
  [exitCodes.failure, 'something failed that is none of the following'],
  [exitCodes.usage, "the command line can't be meant"],
  [exitCodes.badInput, "something in the input can't be published, or a file or directory can't be read"],
  [
    exitCodes.unavailable,
    "the bus does not answer or take messages, the broker can't listen, or a history can't be used",
  ],
  [exitCodes.badConfiguration, 'the configuration has mistakes'],
  ['130 or 143', 'a signal ended it before it was done'],
]

/** The command line of `threatbus`. */
export const program = new Command('threatbus')
  .description('The bus that threat intelligence travels on. Without a command it runs the broker.')
  .version(packageVersion())
  .option('-c, --config <file>', 'configuration (default: config.yaml or config.yml here, else built-in)')
  .option('--trace <file>', 'record what the actors do, for `threatbus inspect` (default: no record)')
  .option(
    '--trace-max-bytes <number>',
    'bytes that the trace may have; the oldest half is given up',
    traceBytes,
    268_435_456,
  )
  .addHelpText('after', exitHelp(threatbusExits))
  .exitOverride()
  .allowExcessArguments()
  .action(async (options: RunOptions) => {
    const [unknown] = program.args
    if (unknown !== undefined) await refuseUnknown(program, unknown)
    const { run } = await import('./run.ts')
    // No process.exit: what ZeroMQ still holds goes out while the process ends by itself.
    process.exitCode = await run(options)
  })

program
  .command('check')
  .description('Check a configuration and print what is in effect, as YAML.')
  .action(async () => {
    const [{ check }, { readBrokerConfig }] = await Promise.all([import('./check.ts'), import('./broker-config.ts')])
    process.exitCode = check(readBrokerConfig(program.opts<{ config?: string }>().config))
  })

program
  .command('demo')
  .description('Show the bus at work: a broker, a subscriber, indicators arriving and a sighting going back.')
  .action(async () => {
    const { demo } = await import('./demo.ts')
    process.exitCode = await demo()
  })

program
  .command('inspect')
  .description(
    'Look at traces and at programs that run, several in one page: serves the inspector on a loopback address until it is ended.',
  )
  .argument(
    '<source...>',
    'what `threatbus --trace FILE` or the record button of the page wrote; or the address of an inspector',
  )
  .addHelpText(
    'after',
    '\nAn inspector with a token: http://127.0.0.1:13373/?token=TOKEN, or THREATBUS_INSPECTOR__TOKEN for all that have none.',
  )
  .option('--port <number>', 'the port; 0 lets the system pick one', wholeNumber, 0)
  .option(
    '--save <file>',
    'write the page with the traces to one HTML file, which opens anywhere, and end (default: serve it)',
  )
  .action(async (sources, options) => {
    const { inspect } = await import('./inspect.ts')
    process.exitCode = await inspect(sources, options)
  })

program
  .command('status')
  .description('Ask a running broker how it is: subscribers and what waits for them, rates, history, limits.')
  .option('--endpoint <host:port>', 'its inspector, also as a URL (default: as configured)', httpAddress)
  .option('--timeout <seconds>', 'how long it has to answer', positiveSeconds, 5)
  .option('--json', 'for programs')
  .action(async options => {
    const { status } = await import('./status.ts')
    process.exitCode = await status({ ...program.opts(), ...options })
  })

command('subscribe', 'Print what is published, one message a line.')
  .argument('<topic...>', 'stix2/indicator, stix2/sighting, or a prefix of them')
  .option('--snapshot <days>', 'first print what was published in these days', wholeNumber, 0)
  .addOption(
    new Option('--format <format>', 'json: the message alone; frames: its type, a space, the message')
      .choices(['json', 'frames'])
      .default('json'),
  )
  .option('--count <number>', 'end after so many messages (default: never)', positiveNumber)
  .action(async (topics, options) => {
    const { subscribe } = await import('./subscribe.ts')
    process.exitCode = await subscribe(topics, options)
  })

command('publish', 'Publish indicators and sightings byte for byte, from JSON, JSON lines and STIX bundles.')
  .argument('<file...>', 'files to read, - for standard input')
  .addOption(
    new Option('--validation <mode>', 'do not send what a bus in this mode refuses')
      .choices(['lenient', 'strict', 'off'])
      .default('lenient'),
  )
  .option('--upgrade', 'make STIX 2.1 of indicators and sightings of STIX 2.0')
  .option('--no-receipts', "do not wait until the bus has it on disk: faster, and what the bus can't take is lost")
  .action(async (files, options) => {
    const { publish } = await import('./publish.ts')
    process.exitCode = await publish(files, options)
  })

command('ping', 'Measure how long the bus takes to answer a heartbeat.')
  .option('--count <number>', 'end after so many heartbeats (default: never)', positiveNumber)
  .option('--interval <seconds>', 'from one heartbeat to the next', seconds, 1)
  .action(async options => {
    const { ping } = await import('./ping.ts')
    process.exitCode = await ping(options)
  })

const subscribers = program
  .command('subscribers')
  .description(
    'The subscriptions of the broker that runs, for the owner of its history: by a socket there, not the network.',
  )

subscribersCommand('list', 'Print subscriptions: a table on a terminal, else JSON lines.')
  .option('--json', 'JSON lines, also on a terminal')
  .action(async options => {
    const { listSubscribers } = await import('./subscribers.ts')
    process.exitCode = await listSubscribers({ ...program.opts(), ...options })
  })

subscribersCommand('drop', 'End subscriptions: nothing is kept for them any more.')
  .argument('[subscriber...]', 'their topics, shortened as they are listed', shortenedTopic)
  .option('--yes', 'do not ask, however many they are')
  .action(async (topics, options) => {
    const { dropSubscribers } = await import('./subscribers.ts')
    process.exitCode = await dropSubscribers(topics, { ...program.opts(), ...options })
  })

const history = program.command('history').description('The history on disk, whether the broker runs or not.')

historyCommand('export', 'Print the objects in the history, the oldest first.')
  .option('--since <when>', 'only what came since: a date, a date and time (UTC), 7d or 12h (default: all)', since)
  .addOption(new Option('--type <type>', 'only these (default: both)').choices(['indicator', 'sighting']))
  .addOption(
    new Option('--format <format>', 'lines: one object a line; bundle: all in one STIX bundle')
      .choices(['lines', 'bundle'])
      .default('lines'),
  )
  .option('--latest', 'of each object its latest version, without those revoked or removed')
  .option('--times', 'say also when they were accepted, which `history import` keeps (default: with lines)')
  .option('--no-times', 'leave that out')
  .action(async options => {
    const { exportHistory } = await import('./history-export.ts')
    process.exitCode = await exportHistory({ ...program.opts(), ...options })
  })

historyCommand('import', 'Put indicators and sightings into the history, from JSON, JSON lines and STIX bundles.')
  .argument('<file...>', 'files to read, - for standard input')
  .option('--upgrade', 'make STIX 2.1 of indicators and sightings of STIX 2.0 (default: as configured, stix20)')
  .option('--keep-times', 'refuse what does not say when it was accepted (default: keep the times of `export --times`)')
  .option('--no-keep-times', 'everything counts as accepted now')
  .addHelpText('after', '\nA broker that uses the history delivers them. Without one nobody gets them before one runs.')
  .action(async (files, options) => {
    const { importHistory } = await import('./history-import.ts')
    process.exitCode = await importHistory(files, { ...program.opts(), ...options })
  })

historyCommand('info', 'Say what is in the history, and which process uses it.')
  .option('--json', 'for programs')
  .action(async options => {
    const { historyInfo } = await import('./history-info.ts')
    process.exitCode = await historyInfo({ ...program.opts(), ...options })
  })

completeProgram(program)
addExamples(program, threatbusExamples)

/** A command that talks to a bus. */
function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--endpoint <host:port>', "the bus's manage endpoint", '127.0.0.1:13370')
    .option('--timeout <seconds>', 'how long the bus has to answer', positiveSeconds, 5)
}

/** A command about a history, with a broker or without. */
function historyCommand(name: string, description: string): Command {
  return history
    .command(name)
    .description(description)
    .option('--path <directory>', "the history's directory (default: that of the configuration)")
}

/** A command about the subscriptions of a broker that runs. */
function subscribersCommand(name: string, description: string): Command {
  return subscribers
    .command(name)
    .description(description)
    .option('--path <directory>', "the history's directory (default: that of the configuration)")
    .option(
      '--address <address>',
      'only those subscribed from there: IPv4, or any of a /64 of IPv6 (default: from anywhere)',
    )
    .option('--never-joined', 'only those whose SUB socket never joined')
    .option('--stale', 'only those that are stale')
    .option('--timeout <seconds>', 'how long the broker may be silent', positiveSeconds, 60)
}

function shortenedTopic(text: string, others: readonly string[] = []): readonly string[] {
  if (/^[a-z]{6}(…|\.\.\.)?$/.test(text)) return [...others, text]
  throw new InvalidArgumentError('It must be like abcdef or abcdef….')
}

function since(text: string): number {
  const ms = readSince(text, Date.now())
  if (ms !== undefined) return ms
  throw new InvalidArgumentError('It must be like 2026-11-24, 2026-11-24T06:00:00Z, 7d or 12h.')
}

function httpAddress(text: string): string {
  if (readEndpoint(text) !== undefined) return `http://${text}`
  if (/^https?:\/\/[^/@]+\/?$/.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError('It must be like 127.0.0.1:13373 or http://127.0.0.1:13373.')
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number.')
}

function positiveNumber(text: string): number {
  const number = wholeNumber(text)
  if (number > 0) return number
  throw new InvalidArgumentError('It must be above 0.')
}

function traceBytes(text: string): number {
  const number = wholeNumber(text)
  if (number >= 1_048_576) return number
  throw new InvalidArgumentError('It must be a whole number of bytes, 1048576 (1 MiB) or more.')
}

function seconds(text: string): number {
  const number = /^(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})$/.test(text) ? Number(text) : Number.NaN
  if (number * 1000 <= longestTimerMs) return number
  throw new InvalidArgumentError(`It must be a number of seconds (up to ${Math.floor(longestTimerMs / 1000)}).`)
}

function positiveSeconds(text: string): number {
  const number = seconds(text)
  if (number > 0) return number
  throw new InvalidArgumentError('It must be above 0.')
}
