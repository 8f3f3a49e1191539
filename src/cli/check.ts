import { stringify } from 'yaml'
import { readBrokerConfig } from './broker-config.ts'
import { exitCodes } from './exit-codes.ts'

/**
 * Prints the configuration that would be in effect, as YAML on standard output, and what would be ignored on standard
 * error. Answers the exit code: `badConfiguration` if there are mistakes, which are all told.
 */
export function check(options: { readonly config?: string | undefined }): number {
  const loaded = readBrokerConfig(options.config)
  if (loaded === undefined) return exitCodes.badConfiguration
  for (const warning of loaded.warnings) process.stderr.write(`warning: ${warning}\n`)
  process.stdout.write(`# from ${loaded.source}\n${stringify(loaded.config)}`)
  return exitCodes.ok
}
