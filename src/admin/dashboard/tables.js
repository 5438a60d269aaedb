/**
 * What there is several of: paths, origins, troubles. Rows are made anew only where they say something else, so that
 * what is focused or selected stays so.
 *
 * @typedef {import('../live-schemas.ts').LiveState} LiveState
 */

import { el, find, rate, setText } from './elements.js'
import { ago, bytes, count, joined, percent } from './format.js'

/** As long as they are sent. */
const MAX_PATH_LENGTH = 512

const CIRCUITS = /** @type {const} */ ({
  closed: ['good', 'closed'],
  'half-open': ['warning', 'half open'],
  open: ['error', 'open'],
})

/**
 * @param {{ onPurge: (path: string) => void }} told
 * @returns {(state: LiveState, nowMs: number) => void}
 */
export function makeTables({ onPurge }) {
  const paths = rowsOf(find('paths', HTMLElement), 5, 'No requests yet.')
  const origins = rowsOf(find('origins', HTMLElement), 4, 'The configuration has none.')
  const troubles = find('troubles', HTMLElement)
  let troublesShown = ''

  return (state, nowMs) => {
    paths(
      state.topPaths.map(({ path, requests, hits, bytes: sent }) => ({
        key: path,
        make: () => {
          const button = el('button', { type: 'button', class: 'plain', 'aria-label': `Purge ${path}` }, 'Purge…')
          button.addEventListener('click', () => onPurge(path))
          // Longer ones are cut, and would purge nothing.
          button.disabled = path.length >= MAX_PATH_LENGTH
          const row = cells(5)
          row.children[0]?.setAttribute('title', path)
          row.children[4]?.append(button)
          return row
        },
        texts: [
          path,
          joined(count(requests)),
          joined(percent(requests === 0 ? undefined : hits / requests)),
          joined(bytes(sent)),
        ],
      })),
    )
    origins(
      Object.entries(state.origins).map(([name, { circuit, pool }]) => {
        const [is, word] = CIRCUITS[circuit]
        return {
          key: `${name} ${circuit}`,
          make: () => {
            const row = cells(4)
            const shown = el('span', { class: 'word' }, word)
            rate(shown, is)
            row.children[1]?.append(shown)
            return row
          },
          texts: [name, undefined, `${pool.inUse} of ${pool.maxSockets}`, `${pool.queued} of ${pool.maxQueued}`],
        }
      }),
    )
    const said = JSON.stringify(state.troubles)
    if (said !== troublesShown) {
      troublesShown = said
      const lines = state.troubles.map(({ level, message, origin, detail, atMs }) => {
        const word = el('span', { class: 'word' }, origin === undefined ? message : `${origin}: ${message}`)
        rate(word, level === 'warn' ? 'warning' : 'error')
        const text = el('div', {}, word, ...(detail === undefined ? [] : [el('div', { class: 'detail' }, detail)]))
        return el('li', {}, el('time', { datetime: new Date(atMs).toISOString() }), text)
      })
      troubles.replaceChildren(
        ...(lines.length > 0 ? lines : [el('li', { class: 'none' }, 'Nothing from warnings on.')]),
      )
    }
    for (const time of troubles.querySelectorAll('time')) {
      setText(time, ago((nowMs - Date.parse(time.dateTime)) / 1000))
    }
  }
}

/** @param {number} count */
function cells(count) {
  return el('tr', {}, ...Array.from({ length: count }, () => el('td')))
}

/**
 * @typedef {{ key: string, make: () => HTMLTableRowElement, texts: readonly (string | undefined)[] }} Row
 * @param {HTMLElement} body
 * @param {number} columns
 * @param {string} whenNone
 * @returns {(rows: readonly Row[]) => void}
 */
function rowsOf(body, columns, whenNone) {
  const none = el('tr', {}, el('td', { class: 'none', colspan: String(columns) }, whenNone))
  /** @type {Map<string, HTMLTableRowElement>} */
  let known = new Map()
  return (rows) => {
    const shown = rows.map(({ key, make, texts }) => {
      const row = known.get(key) ?? make()
      for (const [index, text] of texts.entries()) {
        const cell = row.children[index]
        if (text !== undefined && cell !== undefined) setText(cell, text)
      }
      return /** @type {const} */ ([key, row])
    })
    known = new Map(shown)
    const wanted = shown.length > 0 ? shown.map(([, row]) => row) : [none]
    const isSame = wanted.length === body.children.length && wanted.every((row, index) => body.children[index] === row)
    if (!isSame) body.replaceChildren(...wanted)
  }
}
