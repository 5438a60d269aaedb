/**
 * The figures of now. Rates and ratios are of the last ten seconds, so that they can be read.
 *
 * @typedef {import('../live-schemas.ts').LiveSample} LiveSample
 * @typedef {import('../live-schemas.ts').LiveState} LiveState
 * @typedef {import('./format.js').Figure} Figure
 * @typedef {{ now: ReturnType<import('./samples.js').Samples['recent']>, last: LiveSample | undefined, state: LiveState }} Seen
 * @typedef {{ label: string, figure: (seen: Seen) => Figure, more: (seen: Seen) => string, is?: (seen: Seen) => 'error' | undefined }} Tile
 */

import { el, rate, setText } from './elements.js'
import { bytes, bytesPerSecond, count, joined, percent, perSecond, time } from './format.js'

/** @type {readonly Tile[]} */
const TILES = [
  {
    label: 'Requests',
    figure: ({ now }) => perSecond(now.requestsPerSecond),
    more: ({ now }) => `4xx ${joined(perSecond(now.clientErrorsPerSecond))}`,
  },
  {
    label: 'Errors',
    figure: ({ now }) => perSecond(now.serverErrorsPerSecond),
    more: () => '5xx, and cut off',
    is: ({ now }) => (now.serverErrorsPerSecond > 0 ? 'error' : undefined),
  },
  {
    label: 'Hits',
    figure: ({ now }) => percent(now.hitShare),
    more: ({ now }) => `${joined(percent(now.hitByteShare))} of bytes`,
  },
  {
    label: 'Sent',
    figure: ({ now }) => bytesPerSecond(now.bytesPerSecond),
    more: ({ now }) => `${joined(bits(now.bytesPerSecond))} to clients`,
  },
  {
    label: 'Fetched',
    figure: ({ now }) => bytesPerSecond(now.fetchedPerSecond),
    more: ({ now }) => `${joined(bits(now.fetchedPerSecond))} from origins`,
  },
  {
    label: 'First byte of a hit',
    figure: ({ now }) => time(now.ttfbHit?.p50Ms),
    more: ({ now }) => tail(now.ttfbHit),
  },
  {
    label: 'First byte of a miss',
    figure: ({ now }) => time(now.ttfbMiss?.p50Ms),
    more: ({ now }) => tail(now.ttfbMiss),
  },
  {
    label: 'Clients',
    figure: ({ last }) => count(last?.connections ?? 0),
    more: () => 'connections',
  },
  {
    label: 'Fetches under way',
    figure: ({ state }) => count(state.fills + state.runs),
    more: ({ last }) => `${joined(count(last?.queued ?? 0))} waiting`,
  },
  {
    label: 'Memory',
    figure: ({ state: { store } }) => percent((store.cachedBytes + store.inFlightBytes) / Math.max(1, store.maxBytes)),
    more: ({ state: { store } }) => `${joined(bytes(store.cachedBytes))} of ${joined(bytes(store.maxBytes))}`,
  },
  {
    label: 'Stored answers',
    figure: ({ state: { store } }) => count(store.entries),
    more: ({ state: { store } }) => `${joined(count(store.evictions))} evicted`,
  },
  {
    label: 'Held by readers',
    figure: ({ state: { store } }) => bytes(Math.max(0, store.heldBytes)),
    more: () => 'evicted, being sent',
  },
]

/** @param {number} bytesASecond @returns {Figure} */
function bits(bytesASecond) {
  const [number, unit] = bytes(8 * bytesASecond)
  return [number, unit === 'B' ? 'bit/s' : unit.replace('kB', 'kbit/s').replace(/^([MGTP])B$/, '$1bit/s')]
}

/** @param {LiveSample['ttfbHit']} times */
function tail(times) {
  return times === undefined
    ? 'median; none lately'
    : `p95 ${joined(time(times.p95Ms))}, p99 ${joined(time(times.p99Ms))}`
}

/** @param {Element} place @returns {(seen: Seen) => void} */
export function makeTiles(place) {
  const shown = TILES.map((tile) => {
    const number = el('span', {}, '–')
    const unit = el('small')
    const more = el('p', { class: 'more' })
    const box = el(
      'div',
      { class: 'tile' },
      el('p', { class: 'label' }, tile.label),
      el('p', { class: 'value' }, number, unit),
      more,
    )
    place.append(box)
    return { tile, number, unit, more, box }
  })
  return (seen) => {
    for (const { tile, number, unit, more, box } of shown) {
      const [written, of] = tile.figure(seen)
      setText(number, written)
      setText(unit, of)
      setText(more, tile.more(seen))
      rate(box, tile.is?.(seen))
    }
  }
}
