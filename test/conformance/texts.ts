/**
 * The places in a case's texts, filled in: see case.ts for what they are.
 *
 * Pure: what time it is comes in.
 */
import type { Fields } from './case.ts'

export interface Places {
  /** Epoch ms, when the text is written. */
  readonly nowMs: number
  /** Epoch ms, when the case began. */
  readonly startMs: number
  readonly base: string
  readonly authority: string
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

export function fillIn(text: string, places: Places): string {
  return text
    .replaceAll('{base}', places.base)
    .replaceAll('{authority}', places.authority)
    .replace(/\{(now|t0)([+-]\d+)?(?: (asctime|rfc850|iso))?\}/g, (_, from: string, offset = '0', form = 'imf') =>
      formatted((from === 'now' ? places.nowMs : places.startMs) + Number(offset) * 1000, form),
    )
}

/** name, value, …, in the order they stand in. */
export function fillInFields(fields: Fields, places: Places): [string, string][] {
  return Object.entries(fields).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((line): [string, string] => [name, fillIn(line, places)]),
  )
}

function formatted(ms: number, form: string): string {
  const date = new Date(ms)
  const imf = date.toUTCString()
  const [, day = '', month = '', year = '', time = ''] = imf.split(' ')
  switch (form) {
    case 'asctime':
      return `${imf.slice(0, 3)} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`
    case 'rfc850':
      return `${DAYS[date.getUTCDay()]}, ${day}-${month}-${year.slice(2)} ${time} GMT`
    case 'iso':
      return date.toISOString()
    default:
      return imf
  }
}
