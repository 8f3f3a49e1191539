import PQueue from 'p-queue'
import type { Logger } from 'pino'
import { createActor, toPromise } from 'xstate'
import type { ConnectorEvent } from '../../machines/vocabulary-connector.ts'
import { openConnection } from '../client/connect.ts'
import type { BusEvent } from '../client/events.ts'
import type { Subscription } from '../client/subscription.ts'
import { parseCommand } from './command-line.ts'
import { type ConnectorConfig, standardOutput } from './config.ts'
import { Counters } from './counters.ts'
import { Intake } from './intake.ts'
import { connectorLogic } from './lifecycle.ts'
import { liveMatcherLogic } from './live-matcher.ts'
import { LiveMatching } from './live-matching.ts'
import { MatcherContent } from './matcher-content.ts'
import { MetricsFile } from './metrics-file.ts'
import { observe } from './observation.ts'
import { Outbox } from './outbox.ts'
import { ContextCommands, type Destination, Reporting } from './reporting.ts'
import { RetroMatching } from './retro-matching.ts'
import { SightingRate } from './sighting-rate.ts'
import { type LineSink, PipedContexts, PrintedContexts } from './sinks.ts'
import { ConnectorStory } from './story.ts'
import { Vast } from './vast.ts'
import type { WaitingStore } from './waiting-file.ts'

/** A connector that runs. */
export interface Connector {
  /** Begins the end: no indicator is taken any more. */
  stop(): void
  /** Nobody takes what is printed any more; `failure` unless the reader just left. */
  outputClosed(failure: unknown): void
  /** Fulfilled when it has ended, with what was wrong if it was not told to. */
  readonly stopped: Promise<{ readonly failure: unknown }>
}

/**
 * How long the client library may take to close, twice: to end the subscription, and for what is being published. Sightings
 * have had their time by then.
 */
const leavingMs = 1000

/** Starts the VAST connector: this is the list of what it is made of. `output` is where `sink: STDOUT` prints. */
export function startConnector(config: ConnectorConfig, log: Logger, store: WaitingStore, output: LineSink): Connector {
  const counters = new Counters()
  const story = new ConnectorStory(log, counters)
  const metrics = new MetricsFile(counters, config.metrics.filename, config.metrics.intervalMs, err =>
    story.trouble('metrics', 'the metrics can not be written', { err }),
  )
  const pauses = {
    shortestRetryPauseMs: config.retry_pause.shortestMs,
    longestRetryPauseMs: config.retry_pause.longestMs,
  }
  const limits = { maxLineBytes: config.max_line_bytes, killGraceMs: config.killGraceMs }

  // VAST, and the calls of it.
  const vast = new Vast({
    ...limits,
    binary: config.vast_binary,
    endpoint: config.vast,
    commands: config.commands,
    timeoutMs: config.vastTimeoutMs,
    matcher: config.matcher_name ?? '',
    queryTimeoutMs: config.retroMatchTimeoutMs,
    maxEvents: config.retro_match_max_events,
  })
  const calls = new PQueue({ concurrency: config.max_background_tasks, autoStart: false })
  const suspectVast = () => send({ type: 'vast.suspected' })
  const killing = new AbortController()
  const killed = killing.signal

  // The bus, and the way of sightings to it, or of contexts elsewhere.
  const bus = openConnection({ endpoint: config.threatbus, ...pauses, closeTimeoutMs: leavingMs, onEvent: heard })
  const outbox = new Outbox({
    ...{ bus, store, story, counters, pauses },
    maxBytes: config.max_waiting_sighting_bytes,
  })
  const commands = new ContextCommands(config.max_commands, {
    ...limits,
    timeoutMs: config.commandTimeoutMs,
    signal: killed,
  })
  const destination = destinationOf(config.sink)
  const rate = new SightingRate({ perMinute: destination === outbox ? config.max_sightings_per_minute : 0 })
  const reporting = new Reporting({
    ...{ destination, commands, rate, story },
    transformation: config.transform_context === undefined ? undefined : parseCommand(config.transform_context),
  })

  // What matches.
  const attempts = config.retro_match_attempts
  const retro = new RetroMatching({
    ...{ vast, calls, reporting, store, story, counters, pauses, attempts, suspectVast, killed },
    most: config.max_waiting_indicators,
    timesAway: () => actor.getSnapshot().context.absences,
  })
  const content = new MatcherContent({
    ...{ vast, calls, store, story, pauses, attempts, suspectVast, killed },
    most: config.max_live_iocs,
  })
  const live = new LiveMatching({
    ...{ vast, content, reporting, story, counters },
    atOnce: config.max_commands,
  })
  const matcher = createActor(
    liveMatcherLogic({
      ...{ matching: live, content, pauses },
      tell: step => story.matcherStep(step, config.matcher_name ?? '', live.ending),
    }),
    { id: 'liveMatcher' },
  )
  const intake = new Intake({
    content: config.live_match ? content : undefined,
    retro: config.retro_match ? retro : undefined,
    ...{ story, counters },
  })

  // The life of all of it.
  let subscription: Subscription | undefined
  const actor = createActor(
    connectorLogic({
      pauses,
      finishTimeoutMs: config.shutdownTimeoutMs,
      flushTimeoutMs: config.flushTimeoutMs,
      subscribe: async signal => {
        const waiting = new AbortController()
        const giveUp = () => waiting.abort(signal.reason)
        signal.addEventListener('abort', giveUp)
        try {
          const options = { snapshotDays: config.snapshot, signal: waiting.signal }
          subscription = await bus.subscribe('stix2/indicator', options)
        } finally {
          // Once it is granted, it outlives the waiting for it.
          signal.removeEventListener('abort', giveUp)
        }
      },
      takeIndicators: async signal => {
        const messages = subscription?.[Symbol.asyncIterator]()
        while (!signal.aborted) {
          const next = await messages?.next()
          if (next === undefined || next.done || signal.aborted) return
          await intake.take(next.value, signal)
        }
      },
      askVast: signal => vast.status(signal),
      resumeMatching: () => calls.start(),
      holdMatching: () => calls.pause(),
      startLiveMatcher: () => {
        if (config.live_match) matcher.start()
      },
      attachLiveMatcher: () => tellMatcher('vast.back'),
      detachLiveMatcher: () => tellMatcher('vast.away'),
      stopLiveMatcher: () => tellMatcher('stop'),
      finishMatching: async () => {
        retro.end()
        content.end()
        calls.start()
        await matchingEnded()
      },
      endCommands: async () => {
        killing.abort()
        outbox.refuse()
        await matchingEnded()
      },
      flushSightings: async () => {
        await reporting.flush()
        await outbox.flush()
      },
      leaveBus: async () => {
        outbox.close()
        await bus.close()
        await outbox.flush()
      },
      tell: (step, trouble) => story.step(step, step.step === 'vast_away' ? `its command ${vast.trouble}` : trouble),
    }),
    { id: 'connector' },
  )
  for (const kept of store.left) {
    if (kept.kind === 'sighting') outbox.resume(kept)
    else if (kept.kind === 'ioc' && config.live_match) content.recall(kept)
    else if (kept.kind === 'indicator' && config.retro_match && intake.resume(kept)) continue
    else store.drop(kept.key)
  }
  // What its actors do is kept from the first step on.
  const observation = observe(config, log, {
    ...{ counters, retro, content, outbox, calls, rate, story, actor, bus: bus.parts },
    matcher: config.live_match ? matcher : undefined,
  })
  actor.start()

  return {
    stop: () => send({ type: 'stop' }),
    outputClosed: failure => send({ type: 'output.closed', failure }),
    stopped: toPromise(actor).then(async end => {
      await Promise.all([metrics.close(), observation.close()])
      await output.flush()
      story.close({ indicators: retro.unfinished, sightings: outbox.waiting, kept: store.isKept })
      store.close()
      return end
    }),
  }

  function send(event: ConnectorEvent): void {
    // XState warns of events to an actor that has ended.
    if (actor.getSnapshot().status === 'active') actor.send(event)
  }

  function tellMatcher(type: 'vast.back' | 'vast.away' | 'stop'): void {
    if (config.live_match) matcher.send({ type })
  }

  function heard(event: BusEvent): void {
    story.busEvent(event)
    if (event.event === 'away' || event.event === 'forgotten') send({ type: 'bus.away' })
    if (event.event === 'back' || event.event === 'resubscribed') send({ type: 'bus.back' })
  }

  function destinationOf(sink: string | undefined): Destination {
    if (sink === undefined) return outbox
    if (sink === standardOutput) return new PrintedContexts(output, counters)
    return new PipedContexts(commands, parseCommand(sink), story, counters)
  }

  async function matchingEnded(): Promise<void> {
    if (config.live_match) await toPromise(matcher)
    await calls.onIdle()
    await live.reported()
  }
}
