import type { LoadedConfig } from '../config/load.ts'
import { configSchema, type WrittenConfig } from '../config/schema.ts'
import { readConfig } from './program-config.ts'

/** Reads the broker's configuration, over which `THREATBUS_…` variables win; undefined if it has mistakes, which are told. */
export function readBrokerConfig(file: string | undefined): LoadedConfig<WrittenConfig> | undefined {
  return readConfig(configSchema, 'THREATBUS_', file)
}
