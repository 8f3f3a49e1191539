import type { Logger } from 'pino'
import type { Actor } from 'xstate'
import type { EndpointName } from '../machines/vocabulary-endpoint.ts'
import type { brokerLogic } from './actors/broker.ts'
import type { Config } from './config/schema.ts'
import type { MessageLog } from './delivery/message-log.ts'
import { inspectedBroker } from './inspector/broker-inspection.ts'
import { Recorder } from './inspector/recorder.ts'
import { inspectorRoutes } from './inspector/serve/inspector-routes.ts'
import type { TraceFile } from './inspector/trace/trace-file.ts'
import { monitoredBroker } from './observe/broker-monitoring.ts'
import { monitoringRoutes } from './observe/http/monitoring.ts'
import { type HttpTrouble, startHttpServer } from './observe/http/start.ts'
import type { RateLimited } from './observe/rate-limited.ts'
import { Rates } from './observe/rates.ts'
import type { Observed } from './observe/readings.ts'
import { brokerStateOf } from './observe/states.ts'
import { packageVersion } from './observe/version.ts'
import { addressOf } from './sockets/address.ts'

/** How often it is noted how much was accepted and delivered, so that rates can be told. */
const rateIntervalMs = 1000

/** The parts of a broker that people and monitoring look at. */
export interface ObservedBroker
  extends Pick<
    Observed,
    | 'connections'
    | 'hasDescriptors'
    | 'peerBytes'
    | 'intake'
    | 'largeMessages'
    | 'egress'
    | 'subscribers'
    | 'exchanges'
    | 'history'
    | 'publicationAdmission'
    | 'supplies'
    | 'tally'
  > {
  readonly supervisor: Actor<ReturnType<typeof brokerLogic>>
  readonly messages: MessageLog
  /** Fulfilled when each endpoint has its port, or did not get it at once: what looks at the broker takes none of these. */
  readonly portsTried: Promise<unknown>
}

/**
 * Starts what people and monitoring see of a broker: its HTTP server, and the recorder. {@link trace} is recorded from the beginning. Closing never rejects.
 */
export function observe(
  config: Config,
  { log, repeating }: { readonly log: Logger; readonly repeating: RateLimited<HttpTrouble> & Observed['repeating'] },
  parts: ObservedBroker,
  trace: TraceFile | undefined,
): { close(): Promise<void> } {
  const { supervisor, messages, intake, egress, subscribers, exchanges, tally } = parts
  const { zmq } = config.plugins.apps
  const program = `threatbus ${packageVersion()}`
  const recorder = new Recorder(
    inspectedBroker({
      ...{ program, supervisor, subscribers, exchanges, log: messages, intake, egress },
      refusedPeers: () => tally.eavesdroppers,
    }),
  )
  trace?.begin(viewer => recorder.watch(viewer, 'present'))
  const rates = new Rates(() => {
    const { accepted: sub } = intake
    const { published: publish } = tally
    const accepted = sub.indicator + sub.sighting + publish.indicator + publish.sighting
    return { accepted, delivered: egress.delivered }
  })
  const sampling = setInterval(() => rates.sample(), rateIntervalMs)
  const observed: Observed = {
    ...parts,
    repeating,
    state: () => brokerStateOf(supervisor.getSnapshot().value),
    endpoints: () => {
      const { ports } = supervisor.getSnapshot().context
      const address = (name: EndpointName) => addressOf(zmq.host, ports[name] || zmq[name])
      return { manage: address('manage'), pub: address('pub'), sub: address('sub') }
    },
  }
  const dropped = () => void tally.limits['inspector.max_connections']++
  const surroundings = { program: 'broker', log, ready: parts.portsTried, repeating, dropped }
  const server = startHttpServer(config.inspector, surroundings, [
    ...monitoringRoutes(monitoredBroker(observed, rates, packageVersion())),
    ...inspectorRoutes(recorder),
  ])
  return {
    async close() {
      recorder.finish()
      clearInterval(sampling)
      await Promise.all([server?.close(), trace?.close()])
    },
  }
}
