import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { printable, printableJson } from '../config/printable.ts'
import { askBroker } from '../history/lock/ask-broker.ts'
import type { SubscriptionFilter } from '../history/lock/operator-request.ts'
import type { SubscriberLine } from '../observe/subscriber-line.ts'
import { counted } from '../protocol/quantities.ts'
import { shortened } from '../protocol/topics.ts'
import { countedAddress } from '../sockets/remote-address.ts'
import { say } from './bus-options.ts'
import { exitCodes } from './exit-codes.ts'
import { directoryOf, type HistoryOptions, sayHistoryFailure } from './history-directory.ts'
import { LineOutput } from './line-output.ts'

/** Options of `threatbus subscribers`. */
export interface SubscribersOptions extends HistoryOptions {
  /** Only those that were subscribed from this address. */
  readonly address?: string
  readonly neverJoined?: true
  readonly stale?: true
  /** How long the broker has to answer, in seconds. */
  readonly timeout: number
}

/** Prints the subscriptions of the broker that runs: a table on a terminal, else one a line as JSON. Answers the exit code. */
export async function listSubscribers(options: SubscribersOptions & { readonly json?: true }): Promise<number> {
  const directory = directoryOf(options)
  if (directory === undefined) return exitCodes.badConfiguration
  try {
    const filter = filterOf(options)
    const lines = await askBroker(directory, { command: 'subscribers.list', filter }, options.timeout * 1000)
    const output = new LineOutput(process.stdout)
    const subscribers = lines as readonly SubscriberLine[]
    const isTable = options.json !== true && process.stdout.isTTY
    for (const line of isTable ? table(subscribers) : subscribers.map(each => printableJson(JSON.stringify(each))))
      await output.write(line)
    await output.flush()
    return exitCodes.ok
  } catch (error) {
    return sayHistoryFailure(error)
  }
}

/**
 * Ends subscriptions of the broker that runs: those with these shortened p2p topics, or that the filters let through. More
 * than one are not ended before somebody said yes. Answers the exit code.
 */
export async function dropSubscribers(
  topics: readonly string[],
  options: SubscribersOptions & { readonly yes?: true },
): Promise<number> {
  const filter = filterOf(options, topics)
  if (Object.keys(filter).length === 0) {
    say('say which: by their topics as `threatbus subscribers list` shows them, --address, --never-joined or --stale')
    return exitCodes.usage
  }
  const directory = directoryOf(options)
  if (directory === undefined) return exitCodes.badConfiguration
  const drop = async (bound: { readonly atMost?: number }) => {
    const request = { command: 'subscribers.drop', filter, ...bound } as const
    const [reply] = await askBroker(directory, request, options.timeout * 1000)
    return reply as { readonly dropped?: number; readonly matching?: number }
  }
  try {
    const atMost = Math.max(1, topics.length)
    let { dropped, matching } = await drop(options.yes ? {} : { atMost })
    if (matching !== undefined) {
      if (!process.stdin.isTTY) {
        say(`${matching} subscriptions are meant, and none was dropped: say --yes to drop that many`)
        return exitCodes.usage
      }
      if (!(await isConfirmed(matching))) {
        say('none was dropped')
        return exitCodes.failure
      }
      ;({ dropped, matching } = await drop({}))
    }
    process.stdout.write(`dropped ${counted(dropped ?? 0, 'subscription')}\n`)
    return dropped === 0 && topics.length > 0 ? exitCodes.failure : exitCodes.ok
  } catch (error) {
    return sayHistoryFailure(error)
  }
}

function filterOf(
  { address, neverJoined, stale }: SubscribersOptions,
  topics: readonly string[] = [],
): SubscriptionFilter {
  return {
    ...(topics.length > 0 && { subscribers: topics.map(shortened) }),
    ...(address !== undefined && { address: countedAddress(address) }),
    ...(neverJoined && { neverJoined }),
    ...(stale && { stale }),
  }
}

async function isConfirmed(subscriptions: number): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const question = terminal.question(`Drop ${counted(subscriptions, 'subscription')}? [y/N] `)
    // Who ends the input has not said yes.
    const answer = await Promise.race([question, once(terminal, 'close').then(() => '')])
    return /^y(es)?$/i.test(answer)
  } finally {
    terminal.close()
  }
}

const columns: readonly (readonly [string, (line: SubscriberLine) => string])[] = [
  ['SUBSCRIBER', ({ subscriber }) => subscriber],
  ['STATE', ({ state }) => state],
  ['JOINED', ({ never_joined: neverJoined }) => (neverJoined ? 'never' : 'yes')],
  ['ADDRESS', ({ address }) => address ?? '-'],
  ['SUBSCRIBED', ({ subscribed }) => subscribed ?? '-'],
  ['STALE SINCE', ({ stale_since: staleSince }) => staleSince ?? '-'],
  ['WAITING', ({ waiting_messages: waiting }) => `${waiting}`],
  ['TOPICS', ({ topics }) => topics.join(', ')],
]

/** Subscriptions in columns. What strangers wrote of them can do nothing to a terminal. */
function* table(lines: readonly SubscriberLine[]): Generator<string> {
  const rows = lines.map(line => columns.map(([, cell]) => printable(cell(line))))
  const head = columns.map(([title]) => title)
  const widths = head.map((title, at) =>
    rows.reduce((width, row) => Math.max(width, row[at]?.length ?? 0), title.length),
  )
  for (const row of [head, ...rows])
    yield row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
}
