import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { repository } from '../rooms/sources.ts'

/** Debian's Chromium; test/browser/install-chromium.sh sees to it that it is there. */
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'

const args = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
]

/** Where screenshots are kept: not in the repository. */
const artefacts = join(repository, 'artefacts/inspector')

let launched: Promise<Browser> | undefined

/** Closes the browser that the tests of this file share. */
export async function closeBrowser(): Promise<void> {
  await (await launched)?.close()
}

/** An open page, and what went wrong on it. */
export interface OpenPage {
  readonly page: Page
  /** Errors that the page threw or the browser told: each is a failure of the test at its end. */
  readonly errors: string[]
}

/** Opens an address in a window of its own. What the page complains of fails the test. */
export async function openPage(
  t: TestContext,
  address: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  launched ??= chromium.launch({ executablePath, headless: true, args })
  const context = await (await launched).newContext({ viewport: { width: 1440, height: 900 }, ...options })
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', error => errors.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error') errors.push(message.text())
  })
  page.on('request', request => {
    if (
      request.url() !== address &&
      !request.url().startsWith(new URL(address).origin) &&
      !request.url().startsWith('data:') &&
      !request.url().startsWith('blob:')
    ) {
      errors.push(`asked for something from elsewhere: ${request.url()}`)
    }
  })
  t.after(() => context.close())
  await page.goto(address)
  return { page, errors }
}

/** Keeps a picture of the page. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(artefacts, { recursive: true })
  await page.screenshot({ path: join(artefacts, `${name}.png`) })
}

/** Waits until an actor's row says this, and answers the row's whole text. */
export async function rowSays(page: Page, actor: string, words: string | RegExp): Promise<string> {
  const row = page.locator(`[data-actor="${actor}"]`).filter({ hasText: words })
  await row.first().waitFor({ timeout: 120_000 })
  return row.first().innerText()
}
