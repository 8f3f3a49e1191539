import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createContext, runInContext } from 'node:vm'

interface Mermaid {
  parse(text: string): Promise<unknown>
}

/**
 * Mermaid's own parser, which throws at a text that would give no picture. Mermaid wants a browser, but its parser uses
 * nothing of it; only the sanitizer that it brings along looks for a document, and stands aside when it finds this one
 * too poor to work with. In a context of its own, so that no other test believes to be in a browser.
 */
export function loadMermaidParser(): Mermaid {
  const source = readFileSync(createRequire(import.meta.url).resolve('@mermaid-js/tiny'), 'utf8')
  const browser: { window?: object; mermaid?: Mermaid } = createContext({
    console,
    setTimeout,
    structuredClone,
    URL,
    addEventListener: () => {},
    document: { nodeType: 9, createElement: () => ({}) },
    Element: class {},
  })
  browser.window = browser
  runInContext(source, browser)
  if (browser.mermaid === undefined) throw new Error('@mermaid-js/tiny does not define `mermaid` any more')
  return browser.mermaid
}
