import { type Bus, type BusEvent, BusUnavailableError, connect, InvalidArgumentError } from '../index.ts'
import { exitCodes } from './exit-codes.ts'

/** Options of every command that talks to a bus. */
export interface BusOptions {
  /** `host:port` of the bus's `manage` endpoint. */
  readonly endpoint: string
  /** How many seconds the bus has to answer. */
  readonly timeout: number
}

/** Connects as the options say. Throws `InvalidArgumentError` if the endpoint can't be meant. */
export function connectTo({ endpoint, timeout }: BusOptions, onEvent: (event: BusEvent) => void): Bus {
  const timeoutMs = timeout * 1000
  return connect({ endpoint, connectTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs, onEvent })
}

/** Says something to people, apart from the command's output. */
export function say(sentence: string): void {
  process.stderr.write(`threatbus: ${sentence}\n`)
}

/** Says what went wrong, and answers the exit code for it. Errors that nobody foresaw come with their stack. */
export function sayFailure(error: unknown): number {
  if (error instanceof InvalidArgumentError) {
    say(error.message)
    return exitCodes.usage
  }
  if (error instanceof BusUnavailableError) {
    say(error.message)
    return exitCodes.unavailable
  }
  say(
    error instanceof Error && 'code' in error ? error.message : error instanceof Error ? `${error.stack}` : `${error}`,
  )
  return exitCodes.failure
}
