import type { Attack } from './attack.ts'
import { subscriptions } from './subscriptions.ts'

/** Everything that strangers do here. */
export const attacks: readonly Attack[] = [subscriptions]
