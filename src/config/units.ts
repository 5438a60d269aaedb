/**
 * Sizes and times as operators write them: `64KiB`, `4MiB`, `500ms`, `14d`.
 *
 * Everything that comes out is a whole number that JavaScript holds exactly: bytes for sizes, milliseconds for times.
 */

const BYTES_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
  ['TiB', 1024 ** 4],
])

const MS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['ms', 1],
  ['s', 1000],
  ['m', 60 * 1000],
  ['h', 3600 * 1000],
  ['d', 24 * 3600 * 1000],
])

/** What a size looks like, as an ECMAScript regular expression for a JSON Schema. */
export const SIZE_PATTERN = '^[0-9]+(B|KiB|MiB|GiB|TiB)?$'

/** What a time looks like, as an ECMAScript regular expression for a JSON Schema. */
export const TIME_PATTERN = '^([0-9]+(ms|s|m|h|d)|0)$'

/** Bytes, or undefined for what is no size. A number without a unit is bytes. */
export function parseSize(text: string | number): number | undefined {
  return parse(text, SIZE_PATTERN, BYTES_PER_UNIT)
}

/** Milliseconds, or undefined for what is no time. Only 0 needs no unit: nobody can tell what else a bare 30 means. */
export function parseTime(text: string | number): number | undefined {
  return parse(text, TIME_PATTERN, MS_PER_UNIT)
}

/** Bytes in the largest unit that gives a whole number. */
export function formatSize(bytes: number): string {
  return format(bytes, BYTES_PER_UNIT)
}

/** Milliseconds in the largest unit that gives a whole number. */
export function formatTime(ms: number): string {
  return ms === 0 ? '0' : format(ms, MS_PER_UNIT)
}

function parse(text: string | number, pattern: string, units: ReadonlyMap<string, number>): number | undefined {
  const written = String(text)
  if (!new RegExp(pattern).test(written)) return undefined
  const digits = Number.parseInt(written, 10)
  const factor = units.get(written.replace(/^[0-9]+/, ''))
  if (factor === undefined) return undefined
  const product = digits * factor
  return Number.isSafeInteger(product) ? product : undefined
}

function format(amount: number, units: ReadonlyMap<string, number>): string {
  const fitting = [...units].findLast(([unit, factor]) => unit !== '' && amount % factor === 0)
  return fitting === undefined ? String(amount) : `${amount / fitting[1]}${fitting[0]}`
}
