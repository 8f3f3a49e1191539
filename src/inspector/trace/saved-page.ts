/** The page's own files. */
export interface PageFiles {
  readonly html: string
  readonly css: string
  readonly script: string
  /** What lays out charts. */
  readonly worker: string
}

/** The elements of a saved page that hold what a page that is served asks for; and what of it is looked at, as in a link. */
export const savedElements = { trace: 'saved-trace', worker: 'saved-layout-worker', view: 'saved-view' } as const

/** It runs what is written inside it, and asks nobody for anything. */
const policy =
  "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; img-src data:; worker-src blob:"

/**
 * The page with a trace, as one file that opens without a server: all of it before the trace, and all behind. Between go the
 * lines of the trace, each by {@link savedLine}. `view` is what is looked at when it is opened, as in a link's fragment.
 *
 * @throws {Error} if the page is not as it is built
 */
export function savedPage({ html, css, script, worker }: PageFiles, view = ''): { begin: string; end: string } {
  const [top = '', head = '', body = '', rest] = html.split(
    /<link rel="stylesheet"[^>]*>|<script [^>]*><\/script>|<head>/,
  )
  if (rest === undefined) throw new Error('the page is not as it is built')
  const begin = [
    `${top}<head>`,
    `<meta http-equiv="Content-Security-Policy" content="${policy}" />`,
    `${head}<style>${css.replaceAll('</', '<\\/')}</style>${body}`,
    `<script type="text/plain" id="${savedElements.view}">${encodeURI(view)}</script>`,
    `<script type="text/plain" id="${savedElements.worker}">${savedScript(worker)}</script>`,
    `<script type="application/jsonl" id="${savedElements.trace}">`,
  ]
  return { begin: begin.join('\n'), end: `</script>\n<script type="module">${savedScript(script)}</script>${rest}` }
}

/** A line of JSON that ends no element: where `<` may stand, `\u003c` means the same. */
export function savedLine(line: string): string {
  return `${line.replaceAll('<', '\\u003c')}\n`
}

/** JavaScript that ends no element. What could, stands in texts and patterns, where `\x3C` means the same. */
function savedScript(script: string): string {
  return script.replaceAll(/<(?=\/script|script|!--)/gi, '\\x3C')
}
