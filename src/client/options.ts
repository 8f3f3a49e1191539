import { isLoopback, tokenPattern } from '../config/exposure.ts'
import { timerMs } from '../protocol/timer.ts'
import { type Endpoint, readEndpoint } from './endpoint.ts'
import { InvalidArgumentError } from './errors.ts'
import type { BusEvent } from './events.ts'

/** How to connect. Everything has a default; durations are in milliseconds, and `Infinity` waits without end. */
export interface ConnectOptions {
  /** Where the bus is managed: `host:port` or `[IPv6 address]:port`. Default `127.0.0.1:13370`. */
  endpoint?: string | undefined
  /** Between two heartbeats of a subscription, and before a bus that gave no receipts is asked again. Default 5000. */
  heartbeatIntervalMs?: number | undefined
  /** How long the bus may take to answer a request. Default 5000. */
  requestTimeoutMs?: number | undefined
  /** How long the first subscription, and the first message to be published, wait for the bus. Default 5000. */
  connectTimeoutMs?: number | undefined
  /** Do they wait also while nothing listens there, or there is no such host (yet)? Default true; else that is thrown at once. */
  waitForBus?: boolean | undefined
  /**
   * Are messages published with receipts, so that none is lost? Default true; an event tells of a bus that gives none.
   * Without, they are only handed to the connection, which is faster.
   */
  receipts?: boolean | undefined
  /** How long a message waits to be taken while the bus is busy or away. Default 30,000. */
  publishTimeoutMs?: number | undefined
  /** How long closing may take: ending subscriptions, and sending what was accepted. Default 5000. */
  closeTimeoutMs?: number | undefined
  /** First pause before a failed request is made again; each pause is about twice the one before. Default 250. */
  shortestRetryPauseMs?: number | undefined
  /** The longest such pause. Default 10,000. */
  longestRetryPauseMs?: number | undefined
  /** Messages that a connection may hold before the other side has to wait. Default 1000. */
  highWaterMark?: number | undefined
  /** Messages above this size are not published, as a bus would break the connection. Default 16 MiB. */
  maxMessageBytes?: number | undefined
  /**
   * Are indicators and sightings of STIX 2.0 published as STIX 2.1? An event tells of each. Default false: the bus decides,
   * which refuses them unless it upgrades them itself.
   */
  upgradeStix20?: boolean | undefined
  /** Where durable subscriptions keep how far they are, readable for this user alone. Default `threatbus-subscriptions`, here. */
  stateDirectory?: string | undefined
  /** Told of everything that happens by itself. It is called from the event loop, and what it throws is uncaught. */
  onEvent?: ((event: BusEvent) => void) | undefined
  /** Closes the connection to the bus when it is aborted. */
  signal?: AbortSignal | undefined
  /**
   * Serves a page that shows this connection and its sessions as they run; `Bus.inspector` says where. `true`: on 127.0.0.1,
   * on a port that the system picks. While nobody looks it keeps the last steps, and it is not even loaded without this option.
   */
  inspect?: boolean | InspectOptions | undefined
}

/** Where the inspector of a client listens. */
export interface InspectOptions {
  /** Default 127.0.0.1. An address that others reach needs a token. */
  host?: string | undefined
  /** Default 0: the system picks one. */
  port?: number | undefined
  /** The secret that whoever looks has to know: 16 to 512 letters, digits and `-._~+/=`. */
  token?: string | undefined
  /** What the page calls the application. Default: the name of its script. */
  name?: string | undefined
}

/** The same with nothing left open. */
export interface InspectSettings {
  readonly host: string
  readonly port: number
  readonly token: string | undefined
  readonly name: string | undefined
}

type Decided<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> }

/** The options with nothing left open. */
export interface Settings extends Decided<Omit<ConnectOptions, 'endpoint' | 'signal' | 'inspect'>> {
  /** Undefined: there is no inspector. */
  readonly inspect: InspectSettings | undefined
  readonly manage: Endpoint
}

const defaults = {
  heartbeatIntervalMs: 5000,
  requestTimeoutMs: 5000,
  connectTimeoutMs: 5000,
  publishTimeoutMs: 30_000,
  closeTimeoutMs: 5000,
  shortestRetryPauseMs: 250,
  longestRetryPauseMs: 10_000,
  highWaterMark: 1000,
  maxMessageBytes: 16 * 1024 * 1024,
} as const

/** Where the bus is managed unless something else is said (PROTOCOL "Endpoints"). */
export const defaultEndpoint = '127.0.0.1:13370'

/** Completes the options. Throws `InvalidArgumentError` if one of them can't be meant. */
export function settingsOf({
  endpoint = defaultEndpoint,
  stateDirectory = 'threatbus-subscriptions',
  onEvent = () => {},
  waitForBus = true,
  receipts = true,
  upgradeStix20 = false,
  inspect = false,
  ...options
}: ConnectOptions): Settings {
  const manage = typeof endpoint === 'string' ? readEndpoint(endpoint) : undefined
  if (manage === undefined) {
    throw new InvalidArgumentError(
      `the endpoint must be host:port or [IPv6 address]:port, and ${JSON.stringify(endpoint)} is neither`,
    )
  }
  const { highWaterMark = defaults.highWaterMark, maxMessageBytes = defaults.maxMessageBytes } = options
  return {
    manage,
    stateDirectory,
    onEvent,
    waitForBus,
    receipts,
    upgradeStix20,
    inspect: inspectSettingsOf(inspect),
    heartbeatIntervalMs: duration('heartbeatIntervalMs', options),
    requestTimeoutMs: duration('requestTimeoutMs', options),
    connectTimeoutMs: duration('connectTimeoutMs', options),
    publishTimeoutMs: duration('publishTimeoutMs', options),
    closeTimeoutMs: duration('closeTimeoutMs', options),
    shortestRetryPauseMs: duration('shortestRetryPauseMs', options),
    longestRetryPauseMs: duration('longestRetryPauseMs', options),
    highWaterMark: atLeastOne('highWaterMark', highWaterMark),
    maxMessageBytes: atLeastOne('maxMessageBytes', maxMessageBytes),
  }
}

function inspectSettingsOf(inspect: boolean | InspectOptions): InspectSettings | undefined {
  if (inspect === false) return undefined
  const { host = '127.0.0.1', port = 0, token, name } = inspect === true ? {} : inspect
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError(
      `the port of the inspector must be a whole number from 0 to 65535, and it is ${port}`,
    )
  }
  if (token !== undefined && !tokenPattern.test(token)) {
    throw new InvalidArgumentError("the inspector's token must be 16 to 512 letters, digits and -._~+/=")
  }
  if (token === undefined && !isLoopback(host)) {
    throw new InvalidArgumentError(`the inspector needs a token, because others can reach ${host}`)
  }
  return { host, port, token, name }
}

type DurationName = Extract<keyof typeof defaults, `${string}Ms`>

function duration(name: DurationName, options: { [Name in DurationName]?: number | undefined }): number {
  const ms = options[name] ?? defaults[name]
  if (typeof ms !== 'number' || !(ms > 0)) {
    throw new InvalidArgumentError(`${name} must be a number of milliseconds above 0, and it is ${ms}`)
  }
  return timerMs(ms)
}

function atLeastOne(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError(`${name} must be a whole number above 0, and it is ${value}`)
  }
  return value
}
