import * as z from 'zod'

const filterSchema = z.object({
  /** P2p topics, shortened as they are shown. */
  subscribers: z.array(z.string().max(64)).max(10_000).exactOptional(),
  /** Where they were subscribed from, as it is counted. */
  address: z.string().max(64).exactOptional(),
  neverJoined: z.literal(true).exactOptional(),
  stale: z.literal(true).exactOptional(),
})

/** Which subscriptions are meant: those that are all of this. */
export type SubscriptionFilter = z.output<typeof filterSchema>

/** What the operator asks of a broker that runs, by the socket in the history's directory. */
export const operatorRequestSchema = z.discriminatedUnion('command', [
  z.object({ command: z.literal('subscribers.list'), filter: filterSchema }),
  z.object({
    command: z.literal('subscribers.drop'),
    filter: filterSchema,
    /** Nothing is dropped, but counted, if it would be more. */
    atMost: z.int().min(0).exactOptional(),
  }),
])

/** See {@link operatorRequestSchema}. */
export type OperatorRequest = z.output<typeof operatorRequestSchema>

/** Carries out what the operator asks for, and answers the lines of the reply. */
export type OperatorService = (request: OperatorRequest) => Promise<readonly object[]>
