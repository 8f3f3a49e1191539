import type { Column, Row, Table, TableHead } from './tables/table.ts'

/** Between columns. */
const gap = '  '

/** The head of a table for the terminal: its title, and one or two lines over the columns. */
export function tableHead({ title, columns }: TableHead): string {
  const groups = groupsOf(columns).map(({ group = '', columns }) => {
    const width = columns.map(widthOf).reduce((sum, width) => sum + gap.length + width)
    return group.slice(0, width).padStart(width)
  })
  const titles = columns.map(column => column.title.padStart(widthOf(column)))
  const lines = columns.some(({ group }) => group) ? [groups, titles] : [titles]
  return `\n${title}\n${lines.map(cells => `${cells.join(gap).trimEnd()}\n`).join('')}`
}

/** A row of a table for the terminal. */
export function tableRow({ columns }: TableHead, row: Row): string {
  return `${columns.map(column => cell(column, row).padStart(widthOf(column))).join(gap)}\n`
}

/** A table for a page, without its title. */
export function markdownTable({ columns, rows }: Table): string {
  const heads = columns.map(({ group, title }) => (group && title !== 'ratio' ? `${group}, ${title}` : title))
  const lines = [heads, columns.map(({ decimals }) => (decimals === undefined ? '---' : '--:'))]
  for (const row of rows) lines.push(columns.map(column => cell(column, row)))
  return lines.map(cells => `| ${cells.join(' | ')} |\n`).join('')
}

/** Columns that are beside each other and about the same. */
function groupsOf(columns: readonly Column[]): { group: string | undefined; columns: Column[] }[] {
  const groups: { group: string | undefined; columns: Column[] }[] = []
  for (const column of columns) {
    const last = groups.at(-1)
    if (last?.group !== undefined && last.group === column.group) last.columns.push(column)
    else groups.push({ group: column.group, columns: [column] })
  }
  return groups
}

/** Numbers of up to eight characters fit whatever the title is. */
function widthOf({ title, width = 0 }: Column): number {
  return Math.max(9, width, title.length)
}

function cell({ key, decimals = 0 }: Column, row: Row): string {
  const value = row[key]
  if (typeof value === 'string') return value
  if (value === undefined || Number.isNaN(value)) return '–'
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
}
