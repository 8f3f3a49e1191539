import { constants } from 'node:os'

/** The signals that end a command. */
const ending: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']

/** The exit code of a command that a signal ended, by the shells' convention. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/**
 * Aborted by the first SIGINT or SIGTERM, or other `signals`, with its name as the reason, so that a command can end in
 * order. A second one ends the process at once.
 */
export function abortOnSignal(signals = ending): AbortSignal {
  const controller = new AbortController()
  for (const each of signals) {
    process.on(each, signal => {
      if (controller.signal.aborted) process.exit(signalExitCode(signal))
      controller.abort(signal)
    })
  }
  return controller.signal
}
