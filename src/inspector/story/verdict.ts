import type { Chronicle } from './chronicle.ts'
import { type Moment, trouble, type Verdict } from './health.ts'
import type { Life } from './life.ts'
import { clientVerdict, sessionVerdict } from './verdicts/client.ts'
import { connectionVerdict } from './verdicts/connection.ts'
import { connectorVerdict, liveMatcherVerdict } from './verdicts/connector.ts'
import { endpointVerdict } from './verdicts/endpoint.ts'
import { exchangeVerdict } from './verdicts/snapshot-exchange.ts'
import { subscriberVerdict } from './verdicts/subscriber.ts'
import { supervisorVerdict } from './verdicts/supervisor.ts'

/** What is wrong with an actor at a moment. */
export function verdictOn(life: Life, chronicle: Chronicle, moment: Moment): Verdict {
  const state = life.stateAt(moment.index)?.snapshot
  if (state === undefined)
    return { health: 'ended', brief: 'not there yet', sentence: 'It was not there at this moment.' }
  if (state.status === 'error')
    return trouble('failed', 'The actor failed: the log says why. Its part of the work is not done any more.')
  switch (life.chart) {
    case 'subscriber':
      return subscriberVerdict(life, state.value, moment, chronicle)
    case 'connection':
      return connectionVerdict(life, state.value, moment)
    case 'snapshotExchange':
      return exchangeVerdict(life, state.value, moment)
    case 'endpoint':
      return endpointVerdict(life, state.value, moment, chronicle)
    case 'client':
      return clientVerdict(state.value)
    case 'clientSession':
      return sessionVerdict(life, state.value, moment)
    case 'connector':
      return connectorVerdict(life, state.value, moment)
    case 'liveMatcher':
      return liveMatcherVerdict(life, state.value, moment)
    default:
      return supervisorVerdict(state.value)
  }
}
