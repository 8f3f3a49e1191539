import { type End, lastTopic } from './ends.ts'
import { type News, Silence } from './news.ts'
import type { Observation } from './observation.ts'
import { Performer } from './performer.ts'
import { honest, type Script } from './script.ts'

/** What the witness says, which is the last of what is heard. */
const witnessed = lastTopic(25)

/** Plays a script to one end, and then has another peer be served, which shows that all of it was taken in. */
export async function play(script: Script, end: End, news: News): Promise<Observation> {
  const performer = new Performer(script, end, news)
  const witness = new Performer(honest(script.to), end, news)
  const seen = (outcome: Observation['outcome']): Observation => {
    const { greeting, ready, ...rest } = performer.seen
    // Whether an end said what it is before it read what it does not want is up to its threads.
    const hello = outcome === 'closed' && script.isEager ? {} : { greeting, ready }
    const handed = end.handed.filter(frames => !frames.some(frame => frame.includes(witnessed)))
    return { commands: [], messages: [], ...rest, ...hello, outcome, handed }
  }
  try {
    const outcome = await performer.perform()
    await witness.join()
    await witness.ask(witnessed)
    return seen(outcome)
  } catch (error) {
    if (!(error instanceof Silence)) throw error
    return seen(`silent: ${error.message}`)
  } finally {
    performer.close()
    witness.close()
  }
}
