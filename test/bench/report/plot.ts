import type { Row } from '../tables/table.ts'
import type { Measured } from './measured.ts'

interface Bar {
  readonly name: string
  readonly value: number
}

const [width, labelWidth, barHeight, gap] = [860, 80, 18, 6] as const
const panelGap = 24
const headHeight = 26
/** Room for the number behind the longest bar. */
const numberWidth = 64
const colours = { broker: '#1f6feb', floor: '#8b949e', others: '#d29922' } as const

/**
 * Draws deliveries/s and processor time of each, a row of panels for each and a panel for each number of subscribers.
 * The table beside other brokers is what it draws, since all of that was measured in turn.
 */
export function plotOf({ tables, date }: Measured): string {
  const rows = tables.find(({ name }) => name === 'peers')?.rows ?? []
  const counts = [...new Set(rows.map(({ subscribers }) => Number(subscribers)))]
  const panelWidth = (width - panelGap * (counts.length + 1)) / Math.max(1, counts.length)
  const tallest = Math.max(0, ...counts.map(count => barsOf(rows, count, 'deliveries').length))
  const panelHeight = headHeight + tallest * (barHeight + gap) + panelGap
  const panels = counts.flatMap((count, index) => {
    const x = panelGap + index * (panelWidth + panelGap)
    const subscribers = `${count} subscriber${count === 1 ? '' : 's'}`
    return [
      panel(x, panelGap, panelWidth, `deliveries/s, ${subscribers}`, barsOf(rows, count, 'deliveries'), 0),
      panel(x, panelGap + panelHeight, panelWidth, `CPU µs a delivery, ${subscribers}`, barsOf(rows, count, 'cpu'), 1),
    ]
  })
  const height = panelGap + 2 * panelHeight
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>Threat Bus beside other brokers, ${date.slice(0, 10)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...panels,
    '</svg>\n',
  ].join('\n')
}

function barsOf(rows: readonly Row[], subscribers: number, key: string): Bar[] {
  return rows
    .filter(row => row.subscribers === subscribers && Number.isFinite(row[key]))
    .map(row => ({ name: String(row.name), value: Number(row[key]) }))
}

function panel(x: number, y: number, width: number, title: string, bars: readonly Bar[], decimals: number): string {
  const most = Math.max(...bars.map(({ value }) => value))
  const room = width - labelWidth - numberWidth
  const drawn = bars.map(({ name, value }, index) => {
    const top = headHeight + index * (barHeight + gap)
    const length = Math.max(1, (value / most) * room)
    const baseline = top + barHeight - 5
    const number = value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
    return [
      `<text x="${labelWidth - 6}" y="${baseline}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${labelWidth}" y="${top}" width="${length.toFixed(1)}" height="${barHeight}" fill="${colourOf(name)}"/>`,
      `<text x="${(labelWidth + length + 5).toFixed(1)}" y="${baseline}">${number}</text>`,
    ].join('')
  })
  const head = `<text x="0" y="14" font-weight="bold">${escaped(title)}</text>`
  return `<g transform="translate(${x.toFixed(1)} ${y})">${[head, ...drawn].join('\n')}</g>`
}

function colourOf(name: string): string {
  return name === 'broker' || name === 'floor' ? colours[name] : colours.others
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
