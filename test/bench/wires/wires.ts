import { amqp } from './amqp.ts'
import { mqtt } from './mqtt.ts'
import { nats } from './nats.ts'
import type { Wire } from './wire.ts'
import { zmtp } from './zmtp.ts'

/** The protocols, by name. */
export const wires = { zmtp, mqtt, nats, amqp } as const satisfies Readonly<Record<string, Wire>>

/** What a protocol is called. */
export type WireName = keyof typeof wires
