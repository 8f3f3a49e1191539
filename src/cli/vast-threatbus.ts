#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { packageVersion } from '../observe/version.ts'
import { exitCodes } from './exit-codes.ts'

/*
 * The command line of the VAST connector. What it does is loaded when it is called.
 */

const exitCodeHelp = `
Exit codes:
   ${exitCodes.ok}  a signal ended it, or the reader of what it prints
   ${exitCodes.failure}  it could not print any more
  ${exitCodes.usage}  the command line can't be meant
  ${exitCodes.badConfiguration}  the configuration has mistakes, or a file that it names can't be opened
  129, 130 or 143 if a second signal ended it`

const program = new Command('vast-threatbus')
  .description('Connects a VAST telemetry engine to Threat Bus: indicators are matched, matches become sightings.')
  .version(packageVersion())
  .option('-c, --config <file>', 'configuration (default: config.yaml or config.yml here, else built-in)')
  .addHelpText('after', exitCodeHelp)
  .exitOverride()
  .action(async (options: { config?: string }) => {
    const { runConnector } = await import('./run-connector.ts')
    process.exitCode = await runConnector(options)
  })

program
  .command('check')
  .description('Check a configuration and print what is in effect, as YAML.')
  .action(async () => {
    const [{ check }, { readConnectorConfig }, { missingPrograms }] = await Promise.all([
      import('./check.ts'),
      import('./connector-config.ts'),
      import('../connector/program.ts'),
    ])
    const loaded = readConnectorConfig(program.opts<{ config?: string }>().config)
    // It may be checked elsewhere than it is to be run: no mistake, but to be told.
    process.exitCode = check(loaded && { ...loaded, warnings: [...loaded.warnings, ...missingPrograms(loaded.config)] })
  })

// What people should know and nobody reads (`2>&1 | head -1`) must not end what the process is doing.
process.stderr.on('error', () => {})

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  // Commander has printed what there was to say; help and version are no errors.
  process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
}
