import type { LoadedConfig } from '../config/load.ts'
import { connectorSchema, type WrittenConnectorConfig } from '../connector/config.ts'
import { readConfig } from './program-config.ts'

/**
 * Reads the VAST connector's configuration, over which `VAST_THREATBUS_…` variables win; undefined if it has mistakes,
 * which are told.
 */
export function readConnectorConfig(file: string | undefined): LoadedConfig<WrittenConnectorConfig> | undefined {
  return readConfig(connectorSchema, 'VAST_THREATBUS_', file)
}
