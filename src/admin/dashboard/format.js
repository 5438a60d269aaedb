/** Figures as people read them. Every function gives a number and its unit apart, so that they can be set apart. */

/** @typedef {readonly [number: string, unit: string]} Figure */

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
const SECONDS_A_DAY = 86_400

/** Three digits that count. @param {number} value */
function digits(value) {
  const size = Math.abs(value)
  if (size >= 100 || value === 0) return String(Math.round(value))
  return value.toFixed(size >= 10 ? 1 : 2)
}

/** @param {number} value @param {readonly string[]} units each a thousand of the one before @returns {Figure} */
function scaled(value, units) {
  let index = 0
  let rest = value
  // 999.6 would be written as 1000.
  while (Math.abs(rest) >= 999.5 && index < units.length - 1) {
    rest /= 1000
    index += 1
  }
  return [index === 0 && Number.isInteger(rest) ? String(rest) : digits(rest), units[index] ?? '']
}

/** @param {number} value @returns {Figure} */
export const bytes = (value) => scaled(value, BYTES)

/** @param {number} value bytes a second @returns {Figure} */
export function bytesPerSecond(value) {
  const [number, unit] = bytes(value)
  return [number, `${unit}/s`]
}

/** @param {number} value @returns {Figure} */
export const count = (value) => scaled(value, ['', 'k', 'M', 'G'])

/** @param {number} value @returns {Figure} */
export function perSecond(value) {
  const [number, unit] = count(value)
  return [number, `${unit}/s`]
}

/** @param {number | undefined} share from 0 to 1 @returns {Figure} */
export function percent(share) {
  if (share === undefined) return ['–', '']
  const value = 100 * share
  // Not everything is not all of it.
  const shown = value > 99.9 && value < 100 ? '99.9' : value > 0 && value < 0.1 ? '0.1' : value.toFixed(1)
  return [shown.replace(/\.0$/, ''), '%']
}

/** @param {number | undefined} ms @returns {Figure} */
export function time(ms) {
  if (ms === undefined) return ['–', '']
  return ms >= 999.5 ? [digits(ms / 1000), 's'] : [digits(ms), 'ms']
}

/** @param {Figure} figure */
export const joined = ([number, unit]) => (unit === '' ? number : `${number}\u00a0${unit}`)

/** The two largest parts. @param {number} seconds */
export function duration(seconds) {
  const whole = Math.floor(seconds)
  const parts = /** @type {const} */ ([
    [Math.floor(whole / SECONDS_A_DAY), 'd'],
    [Math.floor((whole % SECONDS_A_DAY) / 3600), 'h'],
    [Math.floor((whole % 3600) / 60), 'min'],
    [whole % 60, 's'],
  ])
  const first = parts.findIndex(([number]) => number > 0)
  if (first === -1) return '0 s'
  const shown = parts.slice(first, first + 2).filter(([number], index) => index === 0 || number > 0)
  return shown.map(([number, unit]) => `${number} ${unit}`).join(' ')
}

/** @param {number} seconds */
export function ago(seconds) {
  if (seconds < 5) return 'just now'
  if (seconds < 60) return `${Math.floor(seconds)} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  return seconds < SECONDS_A_DAY
    ? `${Math.floor(seconds / 3600)} h ago`
    : `${Math.floor(seconds / SECONDS_A_DAY)} d ago`
}
