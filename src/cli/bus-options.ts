import { printable, printableLines } from '../config/printable.ts'
import {
  type Bus,
  BusUnavailableError,
  type ConnectOptions,
  connect,
  InvalidArgumentError,
  UnintelligibleReplyError,
} from '../index.ts'
import { exitCodes } from './exit-codes.ts'

/** Options of every command that talks to a bus. */
export interface BusOptions {
  /** `host:port` of the bus's `manage` endpoint. */
  readonly endpoint: string
  /** How many seconds the bus has to answer. */
  readonly timeout: number
}

/** Connects as the command line says; that nobody is there is told at once. Throws `InvalidArgumentError` if the endpoint can't be meant. */
export function connectTo({ endpoint, timeout }: BusOptions, others: ConnectOptions = {}): Bus {
  const timeoutMs = timeout * 1000
  return connect({ endpoint, connectTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs, waitForBus: false, ...others })
}

/** Says something to people, apart from the command's output. */
export function say(sentence: string): void {
  process.stderr.write(`threatbus: ${printable(sentence)}\n`)
}

/** Says what went wrong, and answers the exit code for it. Errors that nobody foresaw come with their stack. */
export function sayFailure(error: unknown): number {
  const isForeseen = error instanceof Error && 'code' in error
  if (isForeseen) say(error.message)
  else process.stderr.write(`threatbus: ${printableLines(error instanceof Error ? `${error.stack}` : `${error}`)}\n`)
  if (error instanceof InvalidArgumentError) return exitCodes.usage
  if (error instanceof BusUnavailableError || error instanceof UnintelligibleReplyError) return exitCodes.unavailable
  return exitCodes.failure
}
