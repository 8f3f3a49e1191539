import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import { type Config, configSchema } from '../config/schema.ts'

/**
 * Reads the broker's configuration: from `file`, else from `config.yaml` or `config.yml` in the working directory, else
 * from the defaults; `THREATBUS_…` variables win. If it has mistakes, tells all of them on standard error and answers
 * undefined.
 */
export function readBrokerConfig(file: string | undefined): LoadedConfig<Config> | undefined {
  try {
    return loadConfig(configSchema, {
      file,
      defaultFiles: ['config.yaml', 'config.yml'],
      cwd: process.cwd(),
      env: process.env,
      envPrefix: 'THREATBUS_',
    })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return undefined
  }
}
