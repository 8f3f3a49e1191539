import { stringify } from 'yaml'
import type { Config } from '../config/schema.ts'
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
  process.stdout.write(`# from ${loaded.source}\n${stringify(withoutSecrets(loaded.config))}`)
  return exitCodes.ok
}

/** What is printed lands in tickets and terminals' histories. */
function withoutSecrets(config: Config): Config {
  const { inspector } = config
  return inspector.token === undefined ? config : { ...config, inspector: { ...inspector, token: '(not shown)' } }
}
