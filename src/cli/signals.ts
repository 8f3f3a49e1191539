/** The signals that end a command. */
const ending = ['SIGINT', 'SIGTERM'] as const

/** The exit code of a command that a signal ended, by the shells' convention. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return signal === 'SIGINT' ? 130 : 143
}

/**
 * Aborted by the first SIGINT or SIGTERM, with its name as the reason, so that a command can end in order. A second one
 * ends the process at once.
 */
export function abortOnSignal(): AbortSignal {
  const controller = new AbortController()
  for (const each of ending) {
    process.on(each, signal => {
      if (controller.signal.aborted) process.exit(signalExitCode(signal))
      controller.abort(signal)
    })
  }
  return controller.signal
}
