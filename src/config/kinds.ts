/**
 * The kinds of value the file may hold: numbers, switches, words, sizes, times, and text of several forms.
 *
 * `${NAME}` always gives a string, so numbers and switches also take a string that spells one exactly.
 */

import type { Kind, Reading } from './option.ts'
import { formatSize, formatTime, parseSize, parseTime, SIZE_PATTERN, TIME_PATTERN } from './units.ts'

/** Anything that still holds a variable is right for an editor. */
const HOLDS_VARIABLE = '\\$\\{'

/** Node's timers hold no more milliseconds than this, and fire at once beyond it. */
const MAX_TIMER_MS = 24 * 24 * 3600 * 1000

/** A whole number from `min`. */
export function wholeNumber(min: number): Kind<number> {
  const fault = `expected a whole number from ${min}`
  return {
    read: (value) => {
      const number = typeof value === 'string' && /^[0-9]{1,16}$/.test(value) ? Number(value) : value
      return typeof number === 'number' && Number.isSafeInteger(number) && number >= min ? { value: number } : { fault }
    },
    jsonSchema: {
      anyOf: [
        { type: 'integer', minimum: min },
        { type: 'string', pattern: `^[0-9]+$|${HOLDS_VARIABLE}` },
      ],
    },
  }
}

/** A number above `above` and up to `max`, fractions too. */
export function numberUpTo(above: number, max: number): Kind<number> {
  const fault = `expected a number above ${above} and up to ${max}`
  return {
    read: (value) => {
      const number = typeof value === 'string' && /^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(value) ? Number(value) : value
      return typeof number === 'number' && number > above && number <= max ? { value: number } : { fault }
    },
    jsonSchema: {
      anyOf: [
        { type: 'number', exclusiveMinimum: above, maximum: max },
        { type: 'string', pattern: `^[0-9]+(\\.[0-9]+)?$|${HOLDS_VARIABLE}` },
      ],
    },
  }
}

/** true or false. */
export const flag: Kind<boolean> = {
  read: (value) => {
    if (value === true || value === 'true') return { value: true }
    if (value === false || value === 'false') return { value: false }
    return { fault: 'expected true or false' }
  },
  jsonSchema: { anyOf: [{ type: 'boolean' }, { type: 'string', pattern: `^(true|false)$|${HOLDS_VARIABLE}` }] },
}

/** One of some words. */
export function oneOf<const Word extends string>(words: readonly Word[]): Kind<Word> {
  const fault = `expected ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return {
    read: (value) => {
      const word = words.find((candidate) => candidate === value)
      return word === undefined ? { fault } : { value: word }
    },
    jsonSchema: { anyOf: [{ enum: words }, { type: 'string', pattern: HOLDS_VARIABLE }] },
  }
}

/** A size in bytes, at least one. */
export const size: Kind<number> = {
  read: (value) => {
    const bytes = isTextOrNumber(value) ? parseSize(value) : undefined
    if (bytes === undefined) return { fault: 'expected a size such as 64KiB, 4MiB or 1GiB' }
    return bytes >= 1 ? { value: bytes } : { fault: `expected a size from ${formatSize(1)}` }
  },
  notation: 'A size: 64KiB, 4MiB, 1GiB, or plain bytes.',
  jsonSchema: {
    anyOf: [
      { type: 'string', pattern: `${SIZE_PATTERN}|${HOLDS_VARIABLE}` },
      { type: 'integer', minimum: 1 },
    ],
  },
}

const TIME_TEXT = { type: 'string', pattern: `${TIME_PATTERN}|${HOLDS_VARIABLE}` }
const TIME_NOTATION = 'A time: 500ms, 30s, 10m, 1h, 14d.'
const NO_TIME = 'expected a time with its unit, such as 500ms, 30s, 10m, 1h or 14d'

/** A length of time in milliseconds; zero is one. */
export const time: Kind<number> = {
  read: (value) => {
    const ms = isTextOrNumber(value) ? parseTime(value) : undefined
    return ms === undefined ? { fault: NO_TIME } : { value: ms }
  },
  notation: TIME_NOTATION,
  jsonSchema: { anyOf: [TIME_TEXT, { const: 0 }] },
}

/** A length of time in milliseconds that a timer can measure. */
export const timerLength: Kind<number> = {
  read: (value) => {
    const reading = time.read(value)
    if ('fault' in reading || (reading.value >= 1 && reading.value <= MAX_TIMER_MS)) return reading
    return { fault: `expected a time from ${formatTime(1)} to ${formatTime(MAX_TIMER_MS)}` }
  },
  notation: TIME_NOTATION,
  jsonSchema: TIME_TEXT,
}

/** Any string, the empty one too. */
export const text: Kind<string> = {
  read: (value) => (typeof value === 'string' ? { value } : { fault: 'expected a string' }),
  jsonSchema: { type: 'string' },
}

/** A string that is not empty. */
export const filledText: Kind<string> = textThat((value) =>
  value === '' ? { fault: 'expected a string that is not empty' } : { value },
)

/** A string with a meaning of its own. Numbers are no strings: YAML has already lost their leading zeros. */
export function textThat<T>(
  read: (value: string) => Reading<T>,
  jsonSchema: Kind<T>['jsonSchema'] = { minLength: 1 },
): Kind<T> {
  return {
    read: (value) => (typeof value === 'string' ? read(value) : { fault: 'expected a string' }),
    jsonSchema: { type: 'string', ...jsonSchema },
  }
}

function isTextOrNumber(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}
