import { printable, printableJson, quoted } from '../config/printable.ts'
import type { Status, SubscriberStatus } from '../observe/status.ts'
import { isJsonObject, parseJson } from '../protocol/json.ts'
import { bytesInWords, counted } from '../protocol/quantities.ts'
import { absences } from '../sockets/client/look.ts'
import { readBrokerConfig } from './broker-config.ts'
import { exitCodes } from './exit-codes.ts'

/** Options of `threatbus status`. */
export interface StatusOptions {
  readonly config?: string
  /** The address of the broker's inspector; undefined: as configured. */
  readonly endpoint?: string
  /** How long the broker has to answer, in seconds. */
  readonly timeout: number
  /** For programs. */
  readonly json?: true
}

/** Bytes of an answer that are read; it has about 30 kB. */
const longestAnswer = 1_048_576

/** The variable of the configuration's `inspector.token`: a secret has no place on a command line. */
const tokenVariable = 'THREATBUS_INSPECTOR__TOKEN'

/** Prints what a broker says about itself, as tables or as it came. Answers the exit code. */
export async function status(options: StatusOptions): Promise<number> {
  const target = targetOf(options)
  if (target === undefined) return exitCodes.badConfiguration
  // Whoever reads it may have seen enough.
  process.stdout.on('error', () => {})
  try {
    const text = await ask(target, options.timeout)
    const answer = statusIn(text)
    process.stdout.write(options.json ? (process.stdout.isTTY ? printableJson(text) : text) : forPeople(answer))
    return exitCodes.ok
  } catch (error) {
    process.stderr.write(`${printable(`${target.url.origin} does not say how the broker is: ${reasonOf(error)}`)}\n`)
    return exitCodes.unavailable
  }
}

interface Target {
  readonly url: URL
  readonly token: string | undefined
}

/** Whom to ask. Undefined, and told, if the configuration has mistakes or names no port. */
function targetOf({ config, endpoint }: StatusOptions): Target | undefined {
  if (endpoint !== undefined) return { url: new URL('/status', endpoint), token: process.env[tokenVariable] }
  const loaded = readBrokerConfig(config)
  if (loaded === undefined) return undefined
  const { host, port, token } = loaded.config.inspector
  if (port === 0) {
    process.stderr.write('inspector.port is 0: name the port that the log tells, by --endpoint http://127.0.0.1:PORT\n')
    return undefined
  }
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return { url: new URL(`http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}/status`), token }
}

async function ask({ url, token }: Target, timeout: number): Promise<string> {
  const signal = AbortSignal.timeout(timeout * 1000)
  // As it is now, and not as it was up to a second ago for somebody else.
  const headers: Record<string, string> = { 'Cache-Control': 'no-cache' }
  if (token !== undefined) headers.Authorization = `Bearer ${token}`
  // What answers there may not be a broker: nothing is followed, and only so much is read.
  const response = await fetch(url, { headers, signal, redirect: 'manual' })
  let text = ''
  const decoder = new TextDecoder()
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true })
    if (text.length > longestAnswer) throw new Error('the answer is too long')
  }
  if (!response.ok) {
    const says = text.trim().slice(0, 300)
    throw new Error(`it answers with status ${response.status}${says === '' ? '' : `: ${says}`}`)
  }
  return text
}

/** Reads what a broker says of itself. Throws if it is somebody else who answered. */
function statusIn(text: string): Status {
  const answer = parseJson(text)
  // A connector has no subscribers.
  if (isJsonObject(answer) && 'subscribers' in answer && 'messages' in answer) return answer as unknown as Status
  throw new Error(`what answers there is no broker: it says ${quoted(text.trim())}`)
}

function reasonOf(error: unknown): string {
  const { message, cause, name } = error as Error
  if (name === 'TimeoutError') return 'no answer in time (--timeout)'
  const { code = '', message: because } = (cause ?? {}) as Partial<NodeJS.ErrnoException>
  // Of the parser of HTTP: what came is none.
  if (code.startsWith('HPE_'))
    return 'what answers there does not speak HTTP; the inspector does (port 13373 unless configured)'
  return troubles[code] ?? absences[code] ?? (code || (because ?? message))
}

const troubles: Readonly<Record<string, string | undefined>> = {
  ECONNREFUSED: 'nothing listens there (is the broker running, with inspector.enabled?)',
  UND_ERR_SOCKET: 'what answers there closes the connection; is it the inspector (port 13373 unless configured)?',
}

function forPeople(status: Status): string {
  const { messages, subscribers, history, snapshots, rates } = status
  const { sub, publish } = messages.accepted
  const { accepted_per_second: accepted, delivered_per_second: delivered, seconds } = rates
  const lines: readonly (readonly [string, string])[] = [
    ['broker', `threatbus ${status.version}, Node ${status.node}, process ${status.pid}`],
    ['state', status.ready ? status.state : `${status.state}: ${status.reasons.join('; ')}`],
    ['up', `${duration(status.uptime_seconds)}, since ${status.started}`],
    [
      'endpoints',
      Object.entries(status.endpoints)
        .map(([name, address]) => `${name} ${address}`)
        .join(', '),
    ],
    [
      'accepted',
      `indicator ${sub.indicator + publish.indicator}, sighting ${sub.sighting + publish.sighting}${upgradedOf(messages)}`,
    ],
    ['refused', counts(messages.refused)],
    [
      'delivered',
      `${messages.delivered}, ${counted(messages.refused_sends, 'send')} put off, ${messages.missed} missed`,
    ],
    ['rates', `${accepted}/s accepted, ${delivered}/s delivered (of ${seconds} s)`],
    ['subscribers', `${subscribers.total} (${counts(subscribers.states)})`],
    ['waiting', counted(subscribers.waiting_messages, 'message')],
    [
      'unreceived',
      `${counted(subscribers.unreceived_messages, 'message')} sent, ${bytesInWords(subscribers.unacknowledged_bytes)} unacknowledged`,
    ],
    ['eavesdroppers', `${subscribers.eavesdroppers_refused} refused`],
    ['snapshots', `${snapshots.open} open`],
    ['history', history === null ? 'none' : historyInWords(history)],
    ['limits reached', counts(status.limits_reached)],
    ['memory', `${bytesInWords(status.memory.resident_bytes)}, heap ${bytesInWords(status.memory.heap_used_bytes)}`],
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  const facts = lines.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}\n`).join('')
  return subscribers.listed.length === 0 ? facts : `${facts}\n${table(subscribers.listed)}${leftOut(subscribers)}`
}

function upgradedOf({ upgraded }: Status['messages']): string {
  return upgraded > 0 ? `; ${upgraded} of them upgraded from STIX 2.0` : ''
}

function historyInWords({
  bytes,
  segments,
  oldest,
  next_sequence: next,
  failing,
  lost,
}: NonNullable<Status['history']>) {
  const since = oldest === null ? '' : `, since ${oldest}`
  const trouble = `${failing ? '; it cannot be written' : ''}${lost > 0 ? `; ${counted(lost, 'message')} lost` : ''}`
  return `${bytesInWords(bytes)} in ${counted(segments, 'file')}${since}, next message ${next}${trouble}`
}

/** Subscribers in columns, those for whom most waits first. */
function table(listed: readonly SubscriberStatus[]): string {
  const head = ['SUBSCRIBER', 'STATE', 'FLOW', 'PEER', 'WAITING', 'UNRECEIVED', 'MISSED', 'TOPICS']
  const rows = listed.map(each => {
    const { subscriber, state, flow, peer, waiting_messages: waiting, unreceived_messages: unreceived } = each
    const numbers = [waiting, unreceived, each.missed].map(String)
    return [subscriber, state, flow ?? '-', peer ?? '-', ...numbers, each.topics.join(', ')].map(printable)
  })
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map(row => row[column]?.length ?? title.length)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  return [head, ...rows].map(row => `${line(row)}\n`).join('')
}

function leftOut({ total, listed }: Status['subscribers']): string {
  return total > listed.length ? `… and ${total - listed.length} more, for whom no more waits\n` : ''
}

function counts(of: Readonly<Record<string, number | undefined>>): string {
  const entries = Object.entries(of).map(([name, count]) => `${name} ${count}`)
  return entries.length === 0 ? 'none' : entries.join(', ')
}

function duration(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  const time = new Date((seconds % 86_400) * 1000).toISOString().slice(11, 19)
  return days > 0 ? `${days} d ${time}` : time
}
