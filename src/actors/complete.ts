import type { AnyStateMachine, MachineImplementationsFrom } from 'xstate'

/**
 * Every action, guard, delay and actor that a chart names. XState skips an action that nobody provided; with this type
 * a chart with a missing implementation does not compile.
 */
export type Complete<Chart extends AnyStateMachine> = {
  [Kind in keyof MachineImplementationsFrom<Chart>]-?: Required<NonNullable<MachineImplementationsFrom<Chart>[Kind]>>
}
