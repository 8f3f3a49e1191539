/** Strangers, in a process of their own. They ask for less of the machine than the others do: theirs would be another one. */
import { once } from 'node:events'
import { setPriority } from 'node:os'
import type { Target } from './attack.ts'
import { attacks } from './attacks.ts'

/** Who attacks whom, and with what. */
export interface AttackOrder {
  readonly target: Target
  readonly names: readonly string[]
  /** Connections that each attack may have at once. */
  readonly connections: number
  readonly seconds: number
}

/** Below the broker and its applications (`nice 10`). */
const priority = 10

setPriority(priority)
const [{ target, names, connections, seconds }] = (await once(process, 'message')) as [AttackOrder]
process.on('disconnect', () => process.exit())
const isOver = AbortSignal.timeout(seconds * 1000)
await Promise.all(
  attacks.filter(({ name }) => names.includes(name)).map(attack => attack.run(target, connections, isOver)),
)
process.exit()
