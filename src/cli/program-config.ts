import type * as z from 'zod'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'

/**
 * Reads a program's configuration: from `file`, else from `config.yaml` or `config.yml` in the working directory, else
 * from the defaults; variables that begin with `envPrefix` win. If it has mistakes, tells all of them on standard error
 * and answers undefined.
 */
export function readConfig<Schema extends z.ZodType>(
  schema: Schema,
  envPrefix: string,
  file: string | undefined,
): LoadedConfig<z.output<Schema>> | undefined {
  try {
    return loadConfig(schema, {
      file,
      defaultFiles: ['config.yaml', 'config.yml'],
      cwd: process.cwd(),
      env: process.env,
      envPrefix,
    })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return undefined
  }
}
