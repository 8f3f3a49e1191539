import { type Command, CommanderError } from 'commander'
import { exitCodes } from './exit-codes.ts'

/** Does what the command line says. The exit code is set, and the process ends by itself. */
export async function runProgram(program: Command): Promise<void> {
  // What people should know and nobody reads (`2>&1 | head -1`) must not end what the process is doing.
  process.stderr.on('error', () => {})
  try {
    await program.parseAsync()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Commander has printed what there was to say; help and version are no errors.
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  }
}
