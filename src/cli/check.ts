import { stringify } from 'yaml'
import { type InspectorConfig, withoutSecrets } from '../config/inspector.ts'
import type { LoadedConfig } from '../config/load.ts'
import { printable, printableLines } from '../config/printable.ts'
import { exitCodes } from './exit-codes.ts'

/**
 * Prints the configuration that would be in effect, as YAML on standard output, and what would be ignored on standard
 * error. Answers the exit code: `badConfiguration` if there were mistakes (undefined), which have all been told.
 *
 * What is printed lands in tickets and terminals' histories: what is secret is left out.
 */
export function check<Written extends { readonly inspector: InspectorConfig }>(
  loaded: Pick<LoadedConfig<Written>, 'written' | 'source' | 'warnings'> | undefined,
): number {
  if (loaded === undefined) return exitCodes.badConfiguration
  for (const warning of loaded.warnings) process.stderr.write(`warning: ${printable(warning)}\n`)
  const text = `# from ${loaded.source}\n${stringify(withoutSecrets(loaded.written))}`
  process.stdout.write(process.stdout.isTTY ? printableLines(text) : text)
  return exitCodes.ok
}
