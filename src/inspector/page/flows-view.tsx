import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { type RefusalReason, refusalSentences } from '../../protocol/refusal.ts'
import { tickWords, timeWords } from '../story/quantities.ts'
import type { ReadingRecord, TotalFigures } from '../trace/records.ts'
import { chronicle, cursor, moment, slowRevision } from './inspection.ts'
import { type Entry, roster } from './roster.ts'
import { programOf, shortNumber } from './words.ts'
import './flows-view.css'

/** A line of a chart: what it shows, over time in seconds. */
interface Series {
  readonly name: string
  readonly colour: string
  readonly values: readonly (number | null)[]
}

/** What came in and went out over the last minutes. */
export function FlowsView({ entry }: { readonly entry: Entry }) {
  slowRevision.value
  const { origin } = entry.life
  const readings = chronicle()
    .readingsOf(origin)
    .filter(({ at }) => cursor.value === undefined || at <= moment.value.at)
  const program = programOf(origin)
  const of = program === '' ? '' : `: ${program}`
  const times = readings.map(({ at }) => at / 1000)
  const own = entry.life.figuresOverTime
  const ownTimes = own.map(({ at }) => at / 1000)
  const reading = readings.at(-1)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it may be longer than there is room
    <section class="flows" tabIndex={0} aria-label="Flows">
      <Plot
        title={`Messages a second${of}`}
        times={times}
        series={[
          { name: 'in', colour: '--line-in', values: ratesOf(readings, ({ accepted }) => accepted) },
          { name: 'out', colour: '--line-out', values: ratesOf(readings, ({ delivered }) => delivered) },
        ]}
      />
      <Plot
        title={`Messages waiting in all queues${of}`}
        times={times}
        series={[{ name: 'waiting', colour: '--line-queue', values: readings.map(({ totals }) => totals.waiting) }]}
      />
      <Plot
        title={`Refused a second${of}`}
        times={times}
        series={[
          {
            name: 'sends, by full connections',
            colour: '--line-queue',
            values: ratesOf(readings, ({ refusedSends }) => refusedSends),
          },
          { name: 'invalid messages', colour: '--line-bad', values: ratesOf(readings, ({ refused }) => sum(refused)) },
          {
            name: 'eavesdroppers',
            colour: '--line-peer',
            values: ratesOf(readings, ({ refusedPeers }) => refusedPeers),
          },
        ]}
      />
      {own.length > 0 && (
        <Plot
          title={`${entry.life.id}: waiting, and sent in all`}
          times={ownTimes}
          series={[
            { name: 'waiting', colour: '--line-queue', values: own.map(({ lag }) => lag) },
            { name: 'sent', colour: '--line-out', values: own.map(({ sent }) => sent) },
          ]}
        />
      )}
      {reading && <Refusals totals={reading.totals} />}
      <Snapshots />
    </section>
  )
}

function ratesOf(readings: readonly ReadingRecord[], of: (totals: TotalFigures) => number): (number | null)[] {
  return readings.map(({ at, totals }, place) => {
    const before = readings[place - 1]
    if (before === undefined || at <= before.at) return null
    return Math.max(0, ((of(totals) - of(before.totals)) * 1000) / (at - before.at))
  })
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

function Refusals({ totals }: { readonly totals: TotalFigures }) {
  const refused = Object.entries(totals.refused).toSorted(([, a], [, b]) => b - a)
  return (
    <section class="figure table">
      <h3>Refused messages, by reason</h3>
      {refused.length === 0 ? (
        <p>None since the program started.</p>
      ) : (
        <table>
          <tbody>
            {refused.map(([reason, count]) => (
              <tr key={reason}>
                <td class="number">{count.toLocaleString('en-US')}</td>
                <td>
                  <code>{reason}</code>
                </td>
                <td>{refusalSentences[reason as RefusalReason] ?? ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

/** Snapshots from the history that are being sent. */
function Snapshots() {
  const replaying = roster.value.filter(({ figures }) => figures?.replaying !== undefined).slice(0, 20)
  return (
    <section class="figure table">
      <h3>Snapshots being sent</h3>
      {replaying.length === 0 ? (
        <p>None at present.</p>
      ) : (
        <table>
          <tbody>
            {replaying.map(({ life, figures }) => {
              const { position = 0, upTo = 0 } = figures?.replaying ?? {}
              const begin =
                life.figuresOverTime.find(each => each.replaying !== undefined)?.replaying?.position ?? position
              return (
                <tr key={life.actor}>
                  <td>
                    <code>{life.id}</code>
                  </td>
                  <td>
                    <progress value={position - begin} max={Math.max(1, upTo - begin)} />
                  </td>
                  <td class="number">{shortNumber(upTo - position)} to go</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
    </section>
  )
}

interface PlotProps {
  readonly title: string
  readonly times: readonly number[]
  readonly series: readonly Series[]
}

const plotHeight = 170

const [minute, hour, day] = [60, 3600, 86_400]

/** What the axis of time may be divided by, in seconds. */
const wholeSeconds = [
  ...[1, 2, 5, 10, 15, 30].flatMap(count => [count, count * minute]),
  ...[1, 2, 3, 6, 12].map(count => count * hour),
  ...[1, 2, 7, 30].map(count => count * day),
].toSorted((one, other) => one - other)

/** Is the page dark? What is drawn on a canvas is drawn anew when that changes. */
const darkness = matchMedia('(prefers-color-scheme: dark)')
const isDark = signal(darkness.matches)
darkness.addEventListener('change', ({ matches }) => (isDark.value = matches))

function Plot({ title, times, series }: PlotProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const values = [[...times], ...series.map(each => [...each.values])] as uPlot.AlignedData
  useEffect(() => {
    const { current } = box
    if (current === null) return
    const made = new uPlot(optionsOf(current, series), values, current)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: current.clientWidth, height: plotHeight }))
    observer.observe(current)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [title, isDark.value])
  useEffect(() => plot.current?.setData(values), [times.length, times.at(-1)])
  const now = series.map(({ name, colour, values: all }) => ({
    ...{ name, colour, latest: all.at(-1) ?? 0 },
    most: Math.max(0, ...all.map(value => value ?? 0)),
  }))
  return (
    <section class="figure">
      <h3>{title}</h3>
      <p class="legend">
        {now.map(({ name, colour, latest }) => (
          <span key={name}>
            <i style={{ background: `var(${colour})` }} /> {name} <b>{shortNumber(latest)}</b>
          </span>
        ))}
      </p>
      <div ref={box} role="img" aria-label={`${title}: ${now.map(inWords).join(', ')}`} />
    </section>
  )
}

/** For those who can't see a line. */
function inWords({ name, latest, most }: { readonly name: string; readonly latest: number; readonly most: number }) {
  return `${name} ${shortNumber(latest)} now, ${shortNumber(most)} at most`
}

function optionsOf(box: HTMLElement, series: readonly Series[]): uPlot.Options {
  // A canvas knows no custom properties and no light-dark(): an element resolves them.
  const colour = (name: string) => {
    box.style.color = `var(${name})`
    return getComputedStyle(box).color
  }
  const axis: uPlot.Axis = {
    stroke: colour('--dim'),
    grid: { stroke: colour('--rule'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
  }
  return {
    width: box.clientWidth,
    height: plotHeight,
    legend: { show: false },
    cursor: { y: false },
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      {
        ...axis,
        space: 72,
        size: 30,
        incrs: wholeSeconds,
        values: (_, ticks) => [...timeWords(ticks.map(at => at * 1000))],
      },
      { ...axis, size: 48, values: (_, ticks, __, ___, increment) => [...tickWords(ticks, increment)] },
    ],
    series: [
      {},
      ...series.map(({ name, colour: line }) => ({
        label: name,
        stroke: colour(line),
        width: 1.5,
        points: { show: false },
      })),
    ],
  }
}
