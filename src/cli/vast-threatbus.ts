import { Command } from 'commander'
import { packageVersion } from '../observe/version.ts'
import { addExamples } from './command-tree.ts'
import { completeProgram, refuseUnknown } from './every-program.ts'
import { vastThreatbusExamples } from './examples.ts'
import { type Exit, exitCodes, exitHelp } from './exit-codes.ts'

/*
 * The command line of the VAST connector. What it does is loaded when it is called.
 */

/** Exit codes of `vast-threatbus`, and what they say. */
export const vastThreatbusExits: readonly Exit[] = [
  [exitCodes.ok, 'a signal ended it, or the reader of what it prints'],
  [exitCodes.failure, 'it could not print any more'],
  [exitCodes.usage, "the command line can't be meant"],
  [exitCodes.badConfiguration, "the configuration has mistakes, or a file that it names can't be opened"],
  ['129, 130 or 143', 'a second signal ended it'],
]

/** The command line of `vast-threatbus`. */
export const program = new Command('vast-threatbus')
  .description('Connects a VAST telemetry engine to Threat Bus: indicators are matched, matches become sightings.')
  .version(packageVersion())
  .option('-c, --config <file>', 'configuration (default: config.yaml or config.yml here, else built-in)')
  .addHelpText('after', exitHelp(vastThreatbusExits))
  .exitOverride()
  .allowExcessArguments()
  .action(async (options: { config?: string }) => {
    const [unknown] = program.args
    if (unknown !== undefined) await refuseUnknown(program, unknown)
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

completeProgram(program)
addExamples(program, vastThreatbusExamples)
