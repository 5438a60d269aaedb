/**
 * The dashboard: what the stream of live figures says, shown; and what can be done about it.
 *
 * Invariant: figures that are not of now do not look as if they were.
 *
 * @typedef {import('../live-schemas.ts').LiveSample} LiveSample
 * @typedef {import('../live-schemas.ts').LiveState} LiveState
 */

import { makeCharts } from './charts.js'
import { find, rate, setText } from './elements.js'
import { duration } from './format.js'
import { makePurge } from './purge.js'
import { Samples } from './samples.js'
import { followScheme } from './scheme.js'
import { listen } from './stream.js'
import { makeTables } from './tables.js'
import { makeTiles } from './tiles.js'
import { makeWarm } from './warm.js'

const TOKEN = 'segment-shield token'
const PHASES = /** @type {const} */ ({ starting: 'warning', listening: 'good', draining: 'warning' })

const samples = new Samples()
/** @type {LiveState | undefined} */
let state
/** How far the shield's clock is ahead of the one here. */
let clockAheadMs = 0

const fields = () => {
  const token = sessionStorage.getItem(TOKEN)
  return /** @type {Record<string, string>} */ (token === null ? {} : { Authorization: `Bearer ${token}` })
}

const board = find('board', HTMLElement)
const connection = find('connection', HTMLElement)
const tokenForm = find('token-form', HTMLFormElement)
const tokenInput = find('token', HTMLInputElement)

const showTiles = makeTiles(/** @type {Element} */ (document.querySelector('.tiles')))
const putIntoPurge = makePurge(fields, () => state?.store.entries ?? 0)
const showTables = makeTables({ onPurge: putIntoPurge })
makeWarm(fields)
/** @type {ReturnType<typeof makeCharts> | undefined} */
let charts

function secondsShown() {
  const checked = document.querySelector('input[name="window"]:checked')
  return checked instanceof HTMLInputElement ? Number(checked.value) : 300
}

function showCharts() {
  charts?.show(samples.within(secondsShown()), secondsShown())
}

function show() {
  if (state === undefined) return
  board.hidden = false
  charts ??= makeCharts(/** @type {Element} */ (document.querySelector('.charts')))
  setText(find('phase', HTMLElement), state.phase)
  rate(find('phase', HTMLElement), PHASES[state.phase])
  setText(find('uptime', HTMLElement), `for ${duration(state.uptimeSeconds)} · ${state.version}`)
  showTiles({ now: samples.recent(), last: samples.last, state })
  showTables(state, Date.now() + clockAheadMs)
  showCharts()
}

const again = listen(
  fields,
  ({ event, data }) => {
    if (event === 'history') samples.begin(/** @type {LiveSample[]} */ (data))
    else if (event === 'sample') samples.add(/** @type {LiveSample} */ (data))
    else if (event === 'state') {
      state = /** @type {LiveState} */ (data)
      clockAheadMs = (samples.last?.atMs ?? Date.now()) - Date.now()
      show()
    }
  },
  (now) => {
    document.body.dataset['connection'] = now.kind
    tokenForm.hidden = now.kind !== 'refused'
    switch (now.kind) {
      case 'open':
        return setText(connection, 'Live')
      case 'lost':
        return setText(connection, `Connection lost. Tries again in ${now.seconds} s…`)
      case 'refused':
        board.hidden = true
        setText(connection, '')
        setText(find('token-message', HTMLElement), now.isWrong ? 'That is not the token.' : '')
        tokenInput.focus()
        return
      default:
        return /** @satisfies {never} */ (now)
    }
  },
)

tokenForm.addEventListener('submit', (event) => {
  event.preventDefault()
  sessionStorage.setItem(TOKEN, tokenInput.value)
  tokenInput.value = ''
  again()
})
for (const radio of document.querySelectorAll('input[name="window"]')) radio.addEventListener('change', showCharts)
followScheme(() => charts?.recolour())
