/**
 * Everything that a chart leaves open, with nothing left out: all its actions, guards, delays and actors. XState ignores
 * an action that nobody implemented, so the compiler has to be the one who notices.
 *
 * For `Chart` give the type of a chart made by `createMachine`.
 */
export type Complete<Chart extends { provide(implementations: never): unknown }> = {
  [Kind in keyof Implementations<Chart>]-?: Required<NonNullable<Implementations<Chart>[Kind]>>
}

type Implementations<Chart extends { provide(implementations: never): unknown }> = Parameters<Chart['provide']>[0]
