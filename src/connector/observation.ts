import type { Logger } from 'pino'
import { Recorder } from '../inspector/recorder.ts'
import { inspectorRoutes } from '../inspector/serve/inspector-routes.ts'
import { monitoringRoutes } from '../observe/http/monitoring.ts'
import { startHttpServer } from '../observe/http/start.ts'
import type { ConnectorConfig } from './config.ts'
import { type InspectedParts, inspectedConnector } from './inspection.ts'
import { monitoredConnector } from './monitoring.ts'
import type { ObservedConnector } from './readings.ts'
import type { ConnectorStory } from './story.ts'

/** Starts what people and monitoring see of a connector: its HTTP server. Closing never rejects. */
export function observe(
  config: ConnectorConfig,
  log: Logger,
  parts: ObservedConnector & InspectedParts & { readonly story: ConnectorStory },
): { close(): Promise<void> } {
  let dropped = 0
  const surroundings = { program: 'connector', log, repeating: parts.story.http, dropped: () => void dropped++ }
  const recorder = new Recorder(inspectedConnector(parts))
  const server = startHttpServer(config.inspector, surroundings, [
    ...monitoringRoutes(monitoredConnector(config, parts, () => dropped)),
    ...inspectorRoutes(recorder),
  ])
  return {
    close: async () => {
      recorder.finish()
      await server?.close()
    },
  }
}
