import { printable, printableLines } from '../config/printable.ts'

/**
 * Makes the renderer of log lines for a terminal: takes a line of JSON, returns it as people read it. pino-pretty is
 * loaded here, on first use, since most brokers log to a pipe; and it is used as a function rather than as a stream,
 * because its stream hands lines on in a later turn of the event loop, which the last line before an exit never sees.
 */
export async function terminalRenderer(colours: boolean): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty')
  const render = prettyFactory({
    colorize: colours,
    customLevels: 'DEBUG:20,INFO:30,WARNING:40,ERROR:50,CRITICAL:60',
    ignore: 'pid,hostname',
    singleLine: true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
  })
  return line => render(tamed(JSON.parse(line)))
}

/** Levels of nesting that are shown; what lies deeper is not worth a terminal's room. */
const shownDepth = 8

/**
 * What strangers wrote must not act on the terminal nor forge a line: control characters and newlines become visible in
 * every text, keys included. Only stacks keep their newlines; all their lines are indented.
 */
function tamed(value: unknown, key = '', depth = 0): unknown {
  if (typeof value === 'string') {
    return key === 'stack' ? printableLines(value) : printable(value)
  }
  if (typeof value !== 'object' || value === null) return value
  if (depth > shownDepth) return '…'
  if (Array.isArray(value)) return value.map(item => tamed(item, '', depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([inner, below]) => [printable(inner), tamed(below, inner, depth + 1)]),
  )
}
