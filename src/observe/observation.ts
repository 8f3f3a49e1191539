import type { Logger } from 'pino'
import type { Actor } from 'xstate'
import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { brokerLogic } from '../actors/broker.ts'
import type { Config } from '../config/schema.ts'
import type { MessageLog } from '../delivery/message-log.ts'
import { inspectedBroker } from '../inspector/broker-inspection.ts'
import { Recorder } from '../inspector/recorder.ts'
import { inspectorRoutes } from '../inspector/serve/inspector-routes.ts'
import type { TraceFile } from '../inspector/trace/trace-file.ts'
import { addressOf } from '../sockets/address.ts'
import type { BrokerSockets } from '../sockets/broker-sockets.ts'
import { monitoredBroker } from './broker-monitoring.ts'
import { monitoringRoutes } from './http/monitoring.ts'
import { startHttpServer } from './http/start.ts'
import { Rates } from './rates.ts'
import type { Observed } from './readings.ts'
import type { Reports } from './reports.ts'
import { brokerStateOf } from './states.ts'
import { packageVersion } from './version.ts'

/** How often it is noted how much was accepted and delivered, so that rates can be told. */
const rateIntervalMs = 1000

/** The parts of a broker that people and monitoring look at. */
export interface ObservedBroker
  extends Pick<
    Observed,
    | 'intake'
    | 'largeMessages'
    | 'egress'
    | 'subscribers'
    | 'exchanges'
    | 'history'
    | 'publicationAdmission'
    | 'supplies'
  > {
  readonly supervisor: Actor<ReturnType<typeof brokerLogic>>
  readonly messages: MessageLog
  readonly sockets: BrokerSockets
}

/**
 * Starts what people and monitoring see of a broker: its HTTP server, and the recorder. {@link trace} is recorded from the beginning. Closing never rejects.
 */
export function observe(
  config: Config,
  { log, reports }: { readonly log: Logger; readonly reports: Reports },
  parts: ObservedBroker,
  trace: TraceFile | undefined,
): { close(): Promise<void> } {
  const { supervisor, sockets, messages, intake, egress, subscribers, exchanges } = parts
  const { tally, repeating } = reports
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
    tally,
    repeating,
    connections: () => sockets.connections,
    hasDescriptors: () => sockets.hasDescriptors,
    peerBytes: () => sockets.peerBytes,
    state: () => brokerStateOf(supervisor.getSnapshot().value),
    endpoints: () => {
      const { ports } = supervisor.getSnapshot().context
      const address = (name: EndpointName) => addressOf(zmq.host, ports[name] || zmq[name])
      return { manage: address('manage'), pub: address('pub'), sub: address('sub') }
    },
  }
  const dropped = () => reports.reached('inspector.max_connections')
  // What looks at the broker takes none of its ports.
  const surroundings = { program: 'broker', log, ready: sockets.portsTried, repeating, dropped }
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
