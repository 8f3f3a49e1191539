import cliProgress from 'cli-progress'
import { printable } from '../config/printable.ts'
import { Pace } from './pace.ts'

/** How far a long job is, shown on a terminal. */
export interface Progress {
  /** So many bytes of all input are read. What is published is looked up whenever the bar is drawn. */
  update(readBytes: number, counts: { readonly published: number }): void
  /** Writes a line that the bar does not overwrite. */
  writeLine(line: string): void
  stop(): void
}

/** Characters of the bar itself: what stands beside it takes most of 80 columns. */
const barsize = 16

/**
 * Shows a progress bar on `stream` if that is a terminal; otherwise only lines are written. `totalBytes` is undefined if
 * nobody knows it: then there is no bar and no end in sight, only what is done.
 *
 * @param nowMs a clock that goes on steadily
 */
export function showProgress(
  stream: NodeJS.WriteStream,
  totalBytes: number | undefined,
  nowMs: () => number = () => performance.now(),
): Progress {
  const writeLine = (line: string) => void stream.write(`${printable(line)}\n`)
  if (!stream.isTTY) return { update: () => {}, writeLine, stop: () => {} }
  const pace = new Pace()
  let readBytes = 0
  let counts = { published: 0 }
  // Everything is worked out when it is drawn, also while nothing is read: a bar that stands still says so.
  const format: cliProgress.GenericFormatter = options => {
    const rate = pace.perSecond(nowMs(), readBytes)
    const published = `${counts.published} published`
    if (totalBytes === undefined) return `${inBytes(readBytes)} read | ${inBytes(rate)}/s | ${published}`
    // A file may grow while it is read.
    const total = Math.max(totalBytes, readBytes)
    const bar = cliProgress.Format.BarFormat(total === 0 ? 1 : readBytes / total, options)
    const left = rate > 0 ? inTime((total - readBytes) / rate) : '?'
    return `${bar} ${inBytes(readBytes)} of ${inBytes(total)} | ${inBytes(rate)}/s | ${left} left | ${published}`
  }
  const bar = new cliProgress.SingleBar({
    format,
    stream,
    barsize,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
  })
  bar.start(totalBytes ?? 0, 0)
  return {
    update: (bytes, latest) => {
      readBytes = bytes
      counts = latest
    },
    writeLine: line => {
      // The bar is drawn again at its next turn.
      stream.write('\r\x1b[K')
      writeLine(line)
    },
    stop: () => bar.stop(),
  }
}

/** Like `3.2 MiB`. */
function inBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)))
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

/** Like `2 min 5 s`. */
function inTime(seconds: number): string {
  const whole = Math.ceil(seconds)
  const minutes = Math.floor(whole / 60)
  if (minutes === 0) return `${whole} s`
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
