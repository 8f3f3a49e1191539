import fc from 'fast-check'
import { mostly } from './byte-arbitraries.ts'
import { greetingTo, readyTo } from './handshake-arbitraries.ts'
import {
  type Ending,
  type EndType,
  frameBytes,
  greetingBytes,
  readyBytes,
  readyFor,
  type Script,
  type Step,
} from './script.ts'
import { frame, stepsTo } from './traffic-arbitraries.ts'

const how = fc.constantFrom('half-close' as const, 'reset' as const)

const ending: fc.Arbitrary<Ending> = fc.oneof(
  { weight: 14, arbitrary: fc.constant<Ending>({ how: 'stay' }) },
  { weight: 2, arbitrary: fc.record({ how, within: fc.constant('greeting' as const), sent: fc.nat(63) }) },
  { weight: 1, arbitrary: fc.record({ how, within: fc.constant('ready' as const), sent: fc.nat(40) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      how,
      within: fc.constant('traffic' as const),
      begun: fc
        .tuple(frame, fc.nat(9000))
        .map(([frame, cut]) => frameBytes(frame).slice(0, cut % frameBytes(frame).length)),
    }),
  },
)

const pieces = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 100 }), fc.constant(1_000_000)),
  {
    minLength: 1,
    maxLength: 5,
  },
)

/** What peers may send and do, most of it allowed, to one end or another. */
export const scripts: fc.Arbitrary<Script> = fc.constantFrom<EndType>('ROUTER', 'XPUB', 'SUB').chain(to =>
  fc
    .record({
      to: fc.constant(to),
      greeting: greetingTo(to),
      ready: mostly(fc.constant(readyFor(to)), readyTo(to), 1),
      isEager: mostly(false, fc.constant(true), 4),
      steps: stepsTo(to),
      ending,
      pieces,
    })
    .map(playable),
)

/** Leaves out what there is not in a version, and ends that leave nothing to be seen. */
function playable(script: Script): Script {
  const { greeting, ready, ending, steps } = script
  const { version } = greeting
  if (version === 3) return { ...script, ending: within(ending, { greeting: 64, ready: readyBytes(ready).length }) }
  const isThere = (step: Step) =>
    step.do === 'publish' ||
    (step.do === 'frame' && (version === 2 || (!step.isCommand && step.announced === undefined)))
  // Without a ping nothing tells what was read before a reset.
  const orderly: Ending = ending.how === 'reset' ? { ...ending, how: 'half-close' } : ending
  const isPossible = ending.how === 'stay' || (version === 2 && ending.within !== 'ready')
  // libzmq waits for more then, which is silence.
  if (version === 2 && greeting.revision !== 1) {
    return { ...script, steps: [], ending: { how: 'half-close', within: 'greeting', sent: 12 } }
  }
  return {
    ...script,
    steps: steps.filter(isThere),
    ending: isPossible ? within(orderly, { greeting: greetingBytes(greeting).length, ready: 0 }) : { how: 'stay' },
  }
}

/** Ends before the end of what it is to end within. */
function within(ending: Ending, lengths: { greeting: number; ready: number }): Ending {
  if (ending.how === 'stay' || ending.within === 'traffic') return ending
  return { ...ending, sent: ending.sent % lengths[ending.within] }
}
