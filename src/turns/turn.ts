/**
 * Turns of the event loop: what is to be done for many is done a little in each, with whatever else there is in between.
 *
 * Node accepts one connection of a listener in a turn. While many connect, the turns between two in which something is done
 * are for that alone, and short: else who connects would wait as many long turns as others came before.
 */

/** So many turns at most are for who connects, before one in which everything goes on: with more, deliveries wait too long. */
const maxTurnsForConnections = 1

let waiting: (() => void)[] = []
let hasAccepted = false
let turnsForConnections = 0

/** A connection was accepted in this turn: there may be more. */
export function connectionAccepted(): void {
  hasAccepted = true
}

/** Goes on in the next turn, after what is to be read then, and before what is scheduled for later. */
export function inNextTurn(goOn: () => void): void {
  waiting.push(goOn)
  if (waiting.length === 1) setImmediate(begin)
}

/** Fulfilled in the next turn. */
export function nextTurn(): Promise<void> {
  return new Promise(inNextTurn)
}

function begin(): void {
  const isForConnections = hasAccepted && turnsForConnections < maxTurnsForConnections
  hasAccepted = false
  turnsForConnections = isForConnections ? turnsForConnections + 1 : 0
  if (isForConnections) {
    setImmediate(begin)
    return
  }
  const goOn = waiting
  waiting = []
  for (const each of goOn) each()
}
