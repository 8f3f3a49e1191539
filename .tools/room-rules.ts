import { join } from 'node:path'
import { type Room, rooms } from '../test/rooms/rooms.ts'
import { repository } from '../test/rooms/sources.ts'

/** The page with the rules. */
export const roomsPath = join(repository, 'src/README.md')

const part = /<!-- rooms -->\n.*?<!-- \/rooms -->/s

/** The page with the rule of every room between `<!-- rooms -->` and `<!-- /rooms -->`. Throws where it has no place for them. */
export function withRoomRules(page: string): string {
  if (!part.test(page)) throw new Error('src/README.md has no <!-- rooms --> … <!-- /rooms -->')
  const lines = rooms.map(({ path, rule }: Room) => `| \`${path}\` | ${rule} |\n`)
  return page.replace(part, () => `<!-- rooms -->\n| path | rule |\n| --- | --- |\n${lines.join('')}<!-- /rooms -->`)
}
