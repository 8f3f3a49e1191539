import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import axe, { type AxeResults } from 'axe-core'
import type { Locator, Page } from 'playwright-core'
import { shortened } from '../../src/protocol/topics.ts'
import { closeBrowser, type OpenPage, openPage, rowSays, screenshot } from './browser.ts'
import { startTroubledBroker } from './troubled-broker.ts'

/*
 * The page for who cannot use a mouse, sees little or nothing, or has a small window. One broker with much trouble at once
 * serves all of these tests.
 */

after(closeBrowser)

const sizes = {
  wide: { width: 1440, height: 900 },
  tablet: { width: 1024, height: 768 },
  phone: { width: 390, height: 844 },
}

/** What axe finds wrong with the page, by rule and place. */
async function violations(page: Page): Promise<string[]> {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  const { violations: found, passes } = (await page.evaluate(
    `axe.run({ runOnly: ${JSON.stringify(tags)} })`,
  )) as AxeResults
  assert.ok(passes.length > 0, 'axe looks at something')
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`),
  )
}

/** What can be pressed and is less than 24 pixels high or wide (WCAG 2.2, 2.5.8). A check box is pressed by its label. */
async function smallTargets(page: Page): Promise<string[]> {
  // As text: the tests know no browser's names.
  return page.evaluate(`[...document.querySelectorAll('button, select, input, a[href]')].flatMap(target => {
    const { width, height } = (target.type === 'checkbox' ? target.closest('label') : target).getBoundingClientRect()
    const isSmall = height > 0 && Math.min(width, height) < 24
    return isSmall ? [target.outerHTML.slice(0, 120) + ': ' + width + ' x ' + height] : []
  })`)
}

/** Texts that don't fit where they stand. */
async function cutOff(texts: Locator): Promise<string[]> {
  return texts.evaluateAll(elements =>
    elements
      .filter(({ scrollWidth, clientWidth, scrollHeight, clientHeight }) => {
        return scrollWidth > clientWidth + 1 || scrollHeight > clientHeight + 1
      })
      .map(({ textContent }) => textContent ?? ''),
  )
}

/** What has the focus: its role and name in short, and whether that can be seen. */
async function focused(page: Page): Promise<{ readonly what: string; readonly isSeen: boolean }> {
  return page.evaluate(`(() => {
    const element = document.activeElement
    const { top, bottom, left, right } = element.getBoundingClientRect()
    const isInside = bottom > 0 && right > 0 && top < innerHeight && left < innerWidth
    const name = element.getAttribute('aria-label') ?? element.closest('label')?.textContent ?? element.textContent
    return {
      what: (element.getAttribute('role') ?? element.localName) + ' ' + name.slice(0, 40).trim(),
      isSeen: isInside && getComputedStyle(element).outlineStyle !== 'none',
    }
  })()`)
}

/** The states of the chart that are not wholly to be seen: out of the window on it, or below something else. */
async function hiddenStates(page: Page): Promise<string[]> {
  await page.locator('.chart .paper').scrollIntoViewIfNeeded()
  return page.evaluate(`(() => {
    const paper = document.querySelector('.chart .paper')
    const window = paper.getBoundingClientRect()
    return [...document.querySelectorAll('.chart .state')].flatMap(state => {
      const { left, top, right, bottom } = state.querySelector('rect').getBoundingClientRect()
      const isInside = left >= window.left && top >= window.top && right <= window.right && bottom <= window.bottom
      const corners = [[left + 2, top + 2], [right - 2, top + 2], [left + 2, bottom - 2], [right - 2, bottom - 2]]
      const isFree = corners.every(([x, y]) => y > innerHeight || paper.contains(document.elementFromPoint(x, y)))
      return isInside && isFree ? [] : [state.dataset.state]
    })
  })()`)
}

// broker with much trouble ── page
test('the page is there for everybody', async t => {
  let opened: OpenPage | undefined
  const { absent, idle, publish } = await startTroubledBroker(t, {}, async ({ address }) => {
    opened = await openPage(t, address)
  })
  assert.ok(opened)
  const { page, errors } = opened
  await page.evaluate(axe.source)
  await publish(20)
  const slow = `connection.${shortened(idle)}`
  await rowSays(page, slow, 'reads slowly')
  const group = page.getByRole('button', { name: new RegExp(`^${absent.length} never joined`) })
  await group.waitFor()

  await t.test('alarms of one kind are one row, with the most at stake on top, and it opens', async () => {
    const rows = page.locator('.troubles > ul > li')
    assert.match(
      (await rows.first().innerText()).replaceAll('\n', ' '),
      /^reads slowly connection.* waiting It has taken nothing for /,
    )
    assert.equal(await rows.filter({ hasText: 'never joined' }).count(), 1)
    await group.click()
    const members = await rows.locator('li').allInnerTexts()
    const ids = absent.map(shortened)
    // Who it is and how much waits stand first; those who subscribed first have the most waiting.
    for (const member of members) assert.match(member, /^\S{6}…\s+[\d,]+ waiting\s+/)
    assert.equal(members.length, absent.length)
    assert.deepEqual(new Set(members.map(member => member.split(/\s/)[0])), new Set(ids))
    const waiting = members.map(member => Number(/([\d,]+) waiting/.exec(member)?.[1]?.replaceAll(',', '')))
    assert.deepEqual(
      waiting,
      waiting.toSorted((one, other) => other - one),
    )
    assert.match(await rows.locator('.common').innerText(), /no SUB socket ever subscribed/)
    for (const size of Object.values(sizes)) {
      await page.setViewportSize(size)
      assert.deepEqual(await cutOff(page.locator('.troubles .words, .troubles .words *, .troubles .common')), [])
    }
    await page.setViewportSize(sizes.wide)
    await page.locator('.troubles li li .what').first().click()
    await page.locator('.summary.trouble .verdict', { hasText: 'It never joined' }).waitFor()
    await group.click()
    assert.equal(await rows.locator('li').count(), 0)
  })

  await t.test('trouble stands first in the list of actors', async () => {
    const rows = await page.locator('.actors [data-actor]').allInnerTexts()
    assert.match(rows[0] ?? '', /reads slowly/)
    assert.ok(
      rows.slice(1, 1 + absent.length).every(text => text.includes('never joined')),
      rows.join(' | '),
    )
    const order = ['dot trouble', 'dot waiting', 'dot well']
    const dots = await page.locator('.actors .dot').evaluateAll(all => all.map(({ className }) => className))
    const places = dots.map(dot => order.indexOf(dot))
    assert.deepEqual(places, places.toSorted())
    assert.ok(places.includes(2))
  })

  await t.test('axe finds nothing, in any tab and both colour schemes, on a screen and on a phone', async () => {
    for (const tab of ['Sequence', 'Flows', 'Chart']) {
      await page.getByRole('tab', { name: tab }).click()
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        assert.deepEqual(await violations(page), [], `${tab}, ${colorScheme}`)
      }
      assert.deepEqual(await smallTargets(page), [])
    }
    await group.click()
    await page.setViewportSize(sizes.phone)
    assert.deepEqual([...(await violations(page)), ...(await smallTargets(page))], [])
    await group.click()
    await page.setViewportSize(sizes.wide)
    await page.keyboard.press('?')
    assert.deepEqual([...(await violations(page)), ...(await smallTargets(page))], [])
    await page.keyboard.press('Escape')
  })

  await t.test('Escape closes what ? opened, and nothing else happens below it meanwhile', async () => {
    const dialog = page.getByRole('dialog', { name: 'Keys' })
    await page.getByRole('button', { name: 'Keys' }).focus()
    await page.keyboard.press('?')
    await dialog.waitFor()
    await page.keyboard.press('2')
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    assert.equal((await focused(page)).what, 'button Keys')
    assert.equal(await page.getByRole('tab', { name: 'Chart' }).getAttribute('aria-selected'), 'true')
    await page.keyboard.press('?')
    await dialog.waitFor()
    await page.keyboard.press('?')
    await dialog.waitFor({ state: 'hidden' })
  })

  await t.test('a keyboard leads through all of it, and shows where it is', async () => {
    await page.locator('body').press('Home')
    await page.keyboard.press('End')
    await page.evaluate('document.activeElement.blur()')
    await page.locator('h1').click()
    const walk: string[] = []
    while (!walk.at(-1)?.startsWith('section The step')) {
      await page.keyboard.press('Tab')
      const { what, isSeen } = await focused(page)
      assert.ok(isSeen, `it can't be seen that ${what} has the focus, after ${walk.join(', ')}`)
      walk.push(what)
      assert.ok(walk.length < 60, walk.join(', '))
    }
    const places = ['One step back', 'Keys', 'reads slowly', 'never joined', 'Search', 'listbox Actors', 'tab Chart']
    const inOrder = [...places, 'Larger', 'group The chart', 'Filter events', 'listbox Events', 'section The step']
    const found = inOrder.map(place => walk.findIndex(what => what.includes(place)))
    assert.ok(!found.includes(-1), `${inOrder[found.indexOf(-1)]} is not among ${walk.join(', ')}`)
    assert.deepEqual(
      found,
      found.toSorted((one, other) => one - other),
      walk.join(', '),
    )

    const chosen = page.locator('.actor.chosen')
    const list = page.getByRole('listbox', { name: 'Actors' })
    await list.focus()
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowUp']) {
      const before = await chosen.getAttribute('id')
      await page.keyboard.press(key)
      await page.locator(`.actor.chosen:not([id="${before}"])`).waitFor()
      assert.equal(await list.getAttribute('aria-activedescendant'), await chosen.getAttribute('id'))
    }

    await page.getByRole('tab', { name: 'Chart' }).focus()
    await page.keyboard.press('ArrowRight')
    assert.equal((await focused(page)).what, 'tab Sequence')
    await page.locator('.sequence').waitFor()
    await page.keyboard.press('ArrowLeft')
    await page.locator('.chart').waitFor()
    await page.getByRole('button', { name: 'Pause' }).waitFor()

    const events = page.getByRole('listbox', { name: 'Events' })
    const actor = await chosen.getAttribute('id')
    await events.focus()
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('ArrowUp')
    await page.locator('.event.chosen').waitFor()
    assert.equal(
      await events.getAttribute('aria-activedescendant'),
      await page.locator('.event.chosen').getAttribute('id'),
    )
    assert.equal(await chosen.getAttribute('id'), actor)
    await page.keyboard.press('Escape')
  })

  await t.test('a screen reader is told what there is to see', async () => {
    await page.locator('#search').fill(slow)
    await page.locator(`[data-actor="${slow}"]`).click()
    await page.locator('#search').fill('')
    await page.locator('.chart .state.active').first().waitFor()
    const told = await page.locator('body').ariaSnapshot()
    for (const words of [
      /- banner:/,
      /- region "What is wrong":\s+- status: reads slowly, 6 never joined/,
      /button "6 never joined [^"]*"/,
      /- main:/,
      /- navigation "Actors":/,
      /- listbox "Actors":\s+- option "[^"]*reads slowly[^"]*" \[selected\]/,
      /- tab "Chart" \[selected\]/,
      /- tabpanel "Chart":/,
      /img "Statechart of connection\.\S+: it is in open \(waiting, acknowledging\)"/,
      /- listbox "Events":/,
      /- region "The step":/,
    ]) {
      assert.match(told, words)
    }
    await page.getByRole('tab', { name: 'Flows' }).click()
    await page.getByRole('img', { name: /^Messages a second: in [\d,.k]+ now, [\d,.k]+ at most, out/ }).waitFor()
    await page.getByRole('tab', { name: 'Chart' }).click()
  })

  await t.test('the header is one row on a tablet, whatever it says', async () => {
    await page.setViewportSize(sizes.tablet)
    for (const key of ['Home', 'End']) {
      await page.keyboard.press(key)
      const boxes = await page.locator('.bar > :not(h1), .time > :not(legend)').evaluateAll(parts =>
        parts.map(part => {
          const { top, bottom, right } = part.getBoundingClientRect()
          return { middle: (top + bottom) / 2, right }
        }),
      )
      for (const { middle, right } of boxes) {
        assert.ok(Math.abs(middle - (boxes[0]?.middle ?? 0)) < 6 && right <= sizes.tablet.width, JSON.stringify(boxes))
      }
    }
  })

  await t.test('on a phone nothing is beside the page, and the chart opens whole with nothing on it', async () => {
    await page.setViewportSize(sizes.phone)
    await page.locator('.troubles .what').first().click()
    await page.locator('.chart .state.active').first().waitFor()
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), sizes.phone.width)
    assert.deepEqual(await hiddenStates(page), [])
    assert.ok(await page.locator('.panel').evaluate(panel => panel.getBoundingClientRect().top < 844))
    await page.setViewportSize(sizes.tablet)
    assert.deepEqual(await hiddenStates(page), [])
    await screenshot(page, 'for-everybody')
  })
  assert.deepEqual(errors, [])
})
