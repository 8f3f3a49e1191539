import { isDeepStrictEqual } from 'node:util'
import { type End, openLibzmq, openOurs } from './ends.ts'
import { type ListedDifference, listed } from './listed.ts'
import { News } from './news.ts'
import type { Observation } from './observation.ts'
import { play } from './play.ts'
import { type EndType, type Script, written } from './script.ts'

async function playTo(open: (type: EndType, news: News) => Promise<End>, script: Script): Promise<Observation> {
  const news = new News()
  const end = await open(script.to, news)
  try {
    return await play(script, end, news)
  } finally {
    end.close()
  }
}

/** The broker's endpoint and libzmq's socket do not do the same, and it is not listed why. */
class UnlistedDifference extends Error {
  override name = 'UnlistedDifference'

  constructor(script: Script, ours: Observation, theirs: Observation) {
    super(readable(`${written(script)}\n  ours ${JSON.stringify(ours)}\n  libzmq's ${JSON.stringify(theirs)}`))
  }
}

/** The text, with what repeats in it many times written as `{what × how often}`. */
function readable(text: string): string {
  return text.replace(/(.{1,6}?)\1{30,}/g, (all, unit: string) => `{${unit} × ${all.length / unit.length}}`)
}

/**
 * Plays a script to the broker's endpoint and to libzmq's socket. Answers the listed differences that explain why they do not
 * do the same: none if they do. Throws an {@link UnlistedDifference} if these don't explain it.
 */
export async function compare(script: Script): Promise<readonly ListedDifference[]> {
  const [ours, theirs] = await Promise.all([playTo(openOurs, script), playTo(openLibzmq, script)])
  // What has to come and never does is not right, whoever does not send it.
  if ([ours, theirs].some(({ outcome }) => outcome.startsWith('silent')))
    throw new UnlistedDifference(script, ours, theirs)
  if (isDeepStrictEqual(ours, theirs)) return []
  const concerned = listed.filter(difference => difference.instead(script) !== undefined)
  for (const difference of concerned) {
    const alone = difference.instead(script) as Script
    if (isDeepStrictEqual(ours, await playTo(openLibzmq, alone))) return [difference]
  }
  const together = concerned.reduce((changed, { instead }) => instead(changed) ?? changed, script)
  if (concerned.length > 1 && isDeepStrictEqual(ours, await playTo(openLibzmq, together))) return concerned
  throw new UnlistedDifference(script, ours, theirs)
}
