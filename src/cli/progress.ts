import { SingleBar } from 'cli-progress'
import { printable } from '../config/printable.ts'

/** How far a long job is, shown on a terminal. */
export interface Progress {
  /** So many bytes of all input are done. */
  update(doneBytes: number, published: number): void
  /** Writes a line that the bar does not overwrite. */
  writeLine(line: string): void
  stop(): void
}

/**
 * Shows a progress bar on `stream` if that is a terminal; otherwise only lines are written. `totalBytes` is undefined if
 * nobody knows it: then the bar only counts.
 */
export function showProgress(stream: NodeJS.WriteStream, totalBytes: number | undefined): Progress {
  const writeLine = (line: string) => void stream.write(`${printable(line)}\n`)
  if (!stream.isTTY) return { update: () => {}, writeLine, stop: () => {} }
  const format =
    totalBytes === undefined
      ? '{published} published, {duration_formatted}'
      : '{bar} {percentage} % | {published} published | {eta_formatted} left'
  const bar = new SingleBar({ format, stream, hideCursor: true, clearOnComplete: true, stopOnComplete: false })
  bar.start(totalBytes ?? 0, 0, { published: 0 })
  return {
    update: (doneBytes, published) => bar.update(doneBytes, { published }),
    writeLine: line => {
      // The bar is drawn again at its next turn.
      stream.write('\r\x1b[K')
      writeLine(line)
    },
    stop: () => bar.stop(),
  }
}
