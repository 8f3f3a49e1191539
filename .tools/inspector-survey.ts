/**
 * Draws the inspector as it looks everywhere: `npm run pictures -- FOLDER` after a build. The page of a broker with real life in it, the page
 * of its trace, and one of both ends, each at three widths in both colour schemes with each of its tabs.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { shortened } from '../src/protocol/topics.ts'
import { openPage, rowSays } from '../test/browser/browser.ts'
import { inspect, startInspectedApplication } from '../test/browser/inspected-application.ts'
import { startTroubledBroker } from '../test/browser/troubled-broker.ts'

const sizes = [
  { width: 1440, height: 900 },
  { width: 1024, height: 768 },
  { width: 390, height: 844 },
] as const

const schemes = ['light', 'dark'] as const

/** Draws all of it into a folder. */
export async function survey(t: TestContext, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-survey-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const trace = join(directory, 'incident.jsonl')
  let live: Page | undefined
  const { broker, silent, idle, publish } = await startTroubledBroker(
    t,
    { commandLine: ['--trace', trace] },
    async ({ address }) => {
      live = (await openPage(t, address)).page
    },
  )
  if (live === undefined) return
  await publish(120)
  await choose(live, `connection.${shortened(idle)}`, 'reads slowly')
  await drawEverywhere(live, join(folder, 'live'))

  const application = await startInspectedApplication(t, broker.manage)
  const merged = (await openPage(t, await inspect(t, broker.address, application.address))).page
  await publish(10)
  await merged.locator('#search').fill('session.')
  await merged.locator('[data-actor^="session."]', { hasText: 'subscribed' }).first().click()
  await merged.locator('#search').fill('')
  await merged.getByLabel('all actors').check()
  await drawEverywhere(merged, join(folder, 'merged'))

  await broker.stop()
  const recorded = (await openPage(t, await inspect(t, trace))).page
  await recorded.locator('.connection.trace').waitFor()
  await choose(recorded, `subscriber.${shortened(silent)}`, 'suspended')
  await recorded.locator('.event', { hasText: 'stale' }).first().click()
  await drawEverywhere(recorded, join(folder, 'trace'))
}

/** Only rows in sight are drawn: it is searched for. */
async function choose(page: Page, actor: string, words: string): Promise<void> {
  await page.locator('#search').fill(actor)
  await rowSays(page, actor, words)
  await page.locator(`[data-actor="${actor}"]`).click()
  await page.locator('#search').fill('')
}

async function drawEverywhere(page: Page, name: string): Promise<void> {
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme })
    for (const size of sizes) {
      await page.setViewportSize(size)
      const draw = async (what: string) => {
        await page.mouse.move(0, 0)
        await pause(700)
        await page.screenshot({ path: `${name}-${size.width}-${colorScheme}-${what}.png`, fullPage: true })
      }
      for (const tab of ['Sequence', 'Flows', 'Chart']) {
        await page.getByRole('tab', { name: tab }).click()
        await draw(tab.toLowerCase())
      }
      const group = page.getByRole('button', { name: /^\d+ never joined/ })
      await group.click()
      await draw('alarms')
      await group.click()
      await page.getByRole('button', { name: 'Keys' }).click()
      await draw('keys')
      await page.getByRole('button', { name: 'Close' }).click()
    }
  }
}
