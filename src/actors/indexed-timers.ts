import type { AnyActorRef } from 'xstate'

/**
 * Lets a system of actors know whose each timer is. Of itself XState looks through the timers of all actors when one ends: ten
 * thousand subscribers that end would take it through a hundred million of them. Before any actor is started.
 */
export function indexTimers({ scheduler }: AnyActorRef['system']): void {
  const { schedule, cancel } = scheduler
  // A chart's timers have their names by where they are in it: an actor has a few, set again and again.
  const namesOf = new WeakMap<AnyActorRef, Set<string>>()
  scheduler.schedule = (source, target, event, delay, name = `unnamed.${crypto.randomUUID()}`) => {
    const names = namesOf.get(source) ?? new Set()
    namesOf.set(source, names.add(name))
    schedule(source, target, event, delay, name)
  }
  scheduler.cancelAll = actor => {
    for (const name of namesOf.get(actor) ?? []) cancel(actor, name)
    namesOf.delete(actor)
  }
}
