import { basename } from 'node:path'
import { type ClientParts, inspectedClient } from '../inspector/client-inspection.ts'
import { Recorder } from '../inspector/recorder.ts'
import { inspectorRoutes } from '../inspector/serve/inspector-routes.ts'
import { HttpServer } from '../observe/http/server.ts'
import { packageVersion } from '../observe/version.ts'
import type { InspectSettings } from './options.ts'

/** Connections that the inspector has at once; one more is closed. */
const maxConnections = 64

/** A client's inspector that listens. */
export interface Inspection {
  /** What a browser opens, and `threatbus inspect`. */
  readonly address: string
  /** Never rejects. */
  close(): Promise<void>
}

/**
 * Serves the inspector of a client. It does not keep the process alive. `failed` hears of what could not be answered.
 *
 * @throws {Error} if it can't listen
 */
export async function startInspection(
  { host, port, token, name }: InspectSettings,
  parts: ClientParts,
  failed: (error: unknown) => void,
): Promise<Inspection> {
  const application = name ?? basename(process.argv[1] ?? 'application')
  const recorder = new Recorder(inspectedClient(`${application} with threatbus ${packageVersion()}`, parts))
  const server = new HttpServer(
    { host, port, token, maxConnections, keepsProcess: false },
    { refused: () => {}, dropped: () => {}, failed: (_path, error) => failed(error) },
  )
  server.add(...inspectorRoutes(recorder))
  const { href } = await server.listen().catch(error => {
    recorder.finish()
    throw error
  })
  return {
    address: href,
    close: () => {
      recorder.finish()
      return server.close()
    },
  }
}
