import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { type Config, configSchema } from '../config/schema.ts'

/**
 * Reads the broker's configuration: from `file`, else from `config.yaml` or `config.yml` in the working directory, else
 * from the defaults; `THREATBUS_…` variables win.
 *
 * @throws {ConfigError} telling all problems at once
 */
export function readBrokerConfig(file: string | undefined): LoadedConfig<Config> {
  return loadConfig(configSchema, {
    file,
    defaultFiles: ['config.yaml', 'config.yml'],
    cwd: process.cwd(),
    env: process.env,
    envPrefix: 'THREATBUS_',
  })
}
