import { createMachine } from 'xstate'
import type { ConnectorTypes } from './vocabulary-connector.ts'

/**
 * The VAST connector: it takes indicators from the bus as fast as they are matched, and reports what VAST finds.
 *
 * The bus and VAST come and go without each other. While VAST is away nothing is matched, and once enough waits, nothing
 * is taken from the bus, which keeps it. While the bus is away what was taken is matched; its sightings wait.
 */
export const connectorChart = createMachine({
  types: {} as ConnectorTypes,
  id: 'connector',
  context: { failedSubscriptions: 0, failedCalls: 0, absences: 0, trouble: undefined, failure: undefined },
  initial: 'running',
  states: {
    running: {
      type: 'parallel',
      entry: 'startLiveMatcher',
      on: {
        stop: 'stopping',
        'output.closed': { target: 'stopping', actions: 'rememberFailure' },
      },
      states: {
        bus: {
          initial: 'connecting',
          states: {
            connecting: {
              initial: 'asking',
              states: {
                asking: {
                  invoke: {
                    id: 'subscribe',
                    src: 'subscribe',
                    onDone: {
                      target: '#connector.running.bus.listening',
                      actions: ['forgetFailedSubscriptions', { type: 'tell', params: { step: 'subscribed' } }],
                    },
                    onError: {
                      target: 'pausing',
                      actions: ['countFailedSubscription', { type: 'tell', params: { step: 'unsubscribed' } }],
                    },
                  },
                },
                pausing: { after: { subscribePause: 'asking' } },
              },
            },

            listening: {
              initial: 'subscribed',
              invoke: {
                id: 'takeIndicators',
                src: 'takeIndicators',
                onDone: 'connecting',
                onError: {
                  target: 'connecting.pausing',
                  actions: ['countFailedSubscription', { type: 'tell', params: { step: 'unsubscribed' } }],
                },
              },
              states: {
                subscribed: { on: { 'bus.away': 'reconnecting' } },
                reconnecting: {
                  description: 'The client library asks the bus until it answers. Sightings wait.',
                  on: { 'bus.back': 'subscribed' },
                },
              },
            },
          },
        },

        vast: {
          initial: 'checking',
          states: {
            checking: {
              invoke: {
                id: 'askVast',
                src: 'askVast',
                onDone: [
                  { guard: 'isThere', target: 'there', actions: { type: 'tell', params: { step: 'vast_there' } } },
                  { target: 'away' },
                ],
              },
            },
            there: {
              entry: ['forgetFailedCalls', 'resumeMatching', 'attachLiveMatcher'],
              exit: 'holdMatching',
              on: { 'vast.suspected': 'suspected' },
            },
            suspected: {
              description: 'A call failed. Whether VAST is to blame shows when it is asked.',
              invoke: {
                id: 'askVast',
                src: 'askVast',
                onDone: [{ guard: 'isThere', target: 'there' }, { target: 'away' }],
              },
            },
            away: {
              initial: 'pausing',
              entry: ['countAbsence', 'detachLiveMatcher', { type: 'tell', params: { step: 'vast_away' } }],
              states: {
                pausing: { entry: 'countFailedCall', after: { vastPause: 'asking' } },
                asking: {
                  invoke: {
                    id: 'askVast',
                    src: 'askVast',
                    onDone: [
                      {
                        guard: 'isThere',
                        target: '#connector.running.vast.there',
                        actions: { type: 'tell', params: { step: 'vast_there' } },
                      },
                      { target: 'pausing' },
                    ],
                  },
                },
              },
            },
          },
        },
      },
    },

    stopping: {
      initial: 'finishing',
      entry: { type: 'tell', params: { step: 'stopping' } },
      states: {
        finishing: {
          description: 'No indicator is taken any more. Queries that run may end.',
          entry: 'stopLiveMatcher',
          invoke: { id: 'finishMatching', src: 'finishMatching', onDone: 'flushing' },
          after: {
            finishTimeout: { target: 'killing', actions: { type: 'tell', params: { step: 'out_of_time' } } },
          },
        },
        killing: {
          description: 'Time is over. What was not matched is matched after the next start.',
          invoke: { id: 'endCommands', src: 'endCommands', onDone: 'flushing' },
        },
        flushing: {
          invoke: { id: 'flushSightings', src: 'flushSightings', onDone: 'leaving', onError: 'leaving' },
          after: {
            flushTimeout: { target: 'leaving', actions: { type: 'tell', params: { step: 'sightings_left' } } },
          },
        },
        leaving: {
          invoke: { id: 'leaveBus', src: 'leaveBus', onDone: '#connector.stopped', onError: '#connector.stopped' },
        },
      },
    },

    stopped: { type: 'final' },
  },
  output: ({ context }) => ({ failure: context.failure }),
})
