import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileRecords } from '../merge/file-records.ts'
import type { FileSource } from '../merge/source.ts'
import { savedLine, savedPage } from '../trace/saved-page.ts'
import { readPageFiles } from './page-route.ts'

/** The permissions of a new file, before the umask, as a trace's: it holds no messages, but who talks to whom. */
const fileMode = 0o600

/**
 * Writes the page with traces, as one file that opens without a server.
 *
 * @throws {Error} if the file is there already, or can't be written; or if a trace can't be read
 */
export async function savePage(path: string, traces: readonly FileSource[]): Promise<void> {
  const { begin, end } = savedPage(await readPageFiles())
  async function* text() {
    yield begin
    for await (const record of fileRecords(traces)) yield savedLine(JSON.stringify(record))
    yield end
  }
  await pipeline(Readable.from(text()), createWriteStream(path, { flags: 'wx', mode: fileMode }))
}
