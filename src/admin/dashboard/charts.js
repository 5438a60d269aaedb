/**
 * Charts over time. All share one cursor, take their colours from the style sheet, and say their figures in a legend of
 * text: of the second under the cursor, or of the last one.
 *
 * @typedef {import('../live-schemas.ts').LiveSample} LiveSample
 * @typedef {import('./format.js').Figure} Figure
 * @typedef {{ name: string, colour: string, isDashed?: boolean, of: (sample: LiveSample) => number | undefined }} Line
 * @typedef {{ title: string, lines: readonly Line[], figure: (value: number) => Figure, isLogarithmic?: boolean, max?: number, isCount?: boolean, fills?: boolean }} ChartOptions
 */

import { el } from './elements.js'
import { bytes, bytesPerSecond, count, joined, percent, perSecond, time } from './format.js'
import uPlot from './uPlot.esm.js'

const MEGABYTE = 1e6
const WHOLE_STEPS = [1, 10, 100, 1000, 10_000].flatMap((power) => [power, 2 * power, 5 * power])

/** @type {readonly ChartOptions[]} */
const CHARTS = [
  {
    title: 'Requests',
    figure: perSecond,
    fills: true,
    lines: [
      { name: 'all', colour: '--accent', of: (it) => it.requests / it.seconds },
      { name: 'hits', colour: '--third', of: (it) => it.hits / it.seconds },
      { name: '5xx, cut', colour: '--error', of: (it) => it.serverErrors / it.seconds },
    ],
  },
  {
    title: 'Throughput',
    figure: bytesPerSecond,
    fills: true,
    lines: [
      { name: 'sent', colour: '--accent', of: (it) => it.bytes / it.seconds },
      { name: 'fetched', colour: '--second', of: (it) => it.fetchedBytes / it.seconds },
    ],
  },
  {
    title: 'Hit ratio',
    figure: percent,
    max: 1,
    lines: [
      { name: 'bytes', colour: '--accent', of: (it) => share(it.hitBytes, it.bytes) },
      { name: 'requests', colour: '--third', of: (it) => share(it.hits, it.requests) },
    ],
  },
  {
    title: 'First byte',
    figure: time,
    isLogarithmic: true,
    lines: [
      { name: 'hit', colour: '--accent', of: (it) => it.ttfbHit?.p50Ms },
      { name: 'p99', colour: '--accent', isDashed: true, of: (it) => it.ttfbHit?.p99Ms },
      { name: 'miss', colour: '--second', of: (it) => it.ttfbMiss?.p50Ms },
      { name: 'p99', colour: '--second', isDashed: true, of: (it) => it.ttfbMiss?.p99Ms },
    ],
  },
  {
    title: 'Memory',
    figure: bytes,
    fills: true,
    lines: [
      { name: 'cached', colour: '--accent', of: (it) => it.cachedBytes },
      { name: 'arriving', colour: '--second', of: (it) => it.inFlightBytes },
      { name: 'held', colour: '--third', of: (it) => it.heldBytes },
    ],
  },
  {
    title: 'Connections to origins',
    figure: count,
    isCount: true,
    lines: [
      { name: 'in use', colour: '--accent', of: (it) => it.inUse },
      { name: 'waiting', colour: '--second', of: (it) => it.queued },
    ],
  },
]

/** @param {number} part @param {number} whole */
const share = (part, whole) => (whole === 0 ? undefined : part / whole)

/**
 * @param {Element} place
 * @returns {{ show(samples: readonly LiveSample[], seconds: number): void, recolour(): void }}
 */
export function makeCharts(place) {
  const charts = CHARTS.map((options) => makeChart(place, options))
  return {
    show: (samples, seconds) => {
      for (const chart of charts) chart.show(samples, seconds)
    },
    recolour: () => {
      for (const chart of charts) chart.recolour()
    },
  }
}

/** @param {Element} place @param {ChartOptions} options */
function makeChart(place, { title, lines, figure, isLogarithmic = false, isCount = false, max, fills = false }) {
  const values = lines.map(() => el('b', {}, '–'))
  const legend = lines.map(({ name, colour, isDashed }, index) => {
    const stroke = el('i', { class: isDashed ? 'dashed' : '' })
    stroke.style.setProperty('--stroke', `var(${colour})`)
    return el('span', { class: 'entry' }, stroke, name, values[index] ?? '')
  })
  const plot = el('div', { class: 'plot', role: 'img', 'aria-label': `${title} over time` })
  place.append(
    el('article', { class: 'card chart' }, el('h2', {}, title, el('span', { class: 'legend' }, ...legend)), plot),
  )

  /** @param {uPlot} self */
  const tell = (self) => {
    const index = self.cursor.idx ?? self.data[0].length - 1
    for (const [nth, value] of values.entries()) {
      const shown = self.data[nth + 1]?.[index]
      value.textContent = shown === undefined || shown === null ? '–' : joined(figure(shown))
    }
  }
  const quiet = () => colour('--quiet')
  const grid = { stroke: () => colour('--line'), width: 1 }
  const axis = { stroke: quiet, grid, ticks: { show: false }, font: '11px system-ui, sans-serif', gap: 4 }
  const chart = new uPlot(
    {
      width: plot.clientWidth,
      height: plot.clientHeight,
      legend: { show: false },
      padding: [8, 14, 0, 0],
      cursor: { sync: { key: 'time' }, points: { size: 6 }, drag: { x: false, y: false }, y: false },
      scales: {
        x: { time: true },
        y: isLogarithmic
          ? { distr: 3, range: (_self, low, high) => decades(low, high) }
          : { range: (_self, _low, high) => [0, max ?? roomFor(high)] },
      },
      axes: [
        {
          ...axis,
          space: 70,
          size: 22,
          values: (_self, splits, _axis, _space, step) => splits.map((at) => clockTime(at, step)),
        },
        {
          ...axis,
          size: 62,
          space: 34,
          ...(isCount && { incrs: WHOLE_STEPS }),
          ...(isLogarithmic && { splits: (_self, _axis, low, high) => powersOfTen(low, high) }),
          values: (_self, splits) => splits.map((value) => (value === null ? '' : joined(figure(value)))),
        },
      ],
      series: [
        {},
        ...lines.map((line, nth) => ({
          label: line.name,
          stroke: () => colour(line.colour),
          width: 1.5,
          points: { show: false },
          spanGaps: false,
          ...(line.isDashed && { dash: [3, 3] }),
          ...(fills && nth === 0 && { fill: () => `${colour(line.colour)}1f` }),
        })),
      ],
      hooks: { setCursor: [tell], setData: [tell] },
    },
    [[], ...lines.map(() => [])],
    plot,
  )
  new ResizeObserver(() => chart.setSize({ width: plot.clientWidth, height: plot.clientHeight })).observe(plot)
  return {
    /** @param {readonly LiveSample[]} samples @param {number} seconds */
    show: (samples, seconds) => {
      const points = withGaps(samples)
      const times = points.map(({ atMs }) => atMs / 1000)
      const columns = lines.map(({ of }) => points.map((it) => ('seconds' in it ? drawn(of(it), isLogarithmic) : null)))
      const end = times.at(-1) ?? 0
      chart.batch(() => {
        chart.setData([times, ...columns], false)
        chart.setScale('x', { min: end - seconds, max: end })
      })
    },
    recolour: () => chart.redraw(false, true),
  }
}

/** What a logarithmic scale cannot show is not shown. @param {number | undefined} value @param {boolean} isLogarithmic */
function drawn(value, isLogarithmic) {
  if (value === undefined || (isLogarithmic && value <= 0)) return null
  return value
}

/** Where seconds are missing, a point without values. @param {readonly LiveSample[]} samples */
function withGaps(samples) {
  return samples.flatMap((sample, index) => {
    const before = samples[index - 1]
    const beganMs = sample.atMs - 1000 * sample.seconds
    const isGap = before !== undefined && beganMs - before.atMs > 1500
    return isGap ? [{ atMs: beganMs }, sample] : [sample]
  })
}

/** @param {number | null} high */
function roomFor(high) {
  if (high === null || high <= 0) return 1
  return high < MEGABYTE && high < 4 ? Math.ceil(high) + 1 : high * 1.1
}

/** Whole decades around the values. @param {number | null} low @param {number | null} high @returns {[number, number]} */
function decades(low, high) {
  if (low === null || high === null || low <= 0) return [0.1, 100]
  const first = 10 ** Math.floor(Math.log10(low))
  return [first, Math.max(10 * first, 10 ** Math.ceil(Math.log10(high)))]
}

/** @param {number} low @param {number} high */
function powersOfTen(low, high) {
  const first = Math.round(Math.log10(low))
  return Array.from({ length: Math.round(Math.log10(high)) - first + 1 }, (_, index) => 10 ** (first + index))
}

/** @param {number} seconds since 1970 @param {number} step between two of them */
function clockTime(seconds, step) {
  const date = new Date(1000 * seconds)
  const parts = [date.getHours(), date.getMinutes(), ...(step < 60 ? [date.getSeconds()] : [])]
  return parts.map((part) => String(part).padStart(2, '0')).join(':')
}

/** @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
