/**
 * HTTP dates (RFC 9110 §5.6.7): the three forms a recipient has to understand, and the one a sender uses.
 *
 * Invariant: a date is understood wholly or not at all; there is no guessing at other zones, spellings or offsets.
 * Letters are compared without case, as RFC 9111 §4.2 asks of caches. The day of the week has to be one, but need not
 * be the right one: it adds nothing to the date.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

const month = MONTHS.join('|')
const time = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})'
const shortDay = '(?:mon|tue|wed|thu|fri|sat|sun)'
const longDay = '(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)'

/** `Sun, 06 Nov 1994 08:49:37 GMT` */
const IMF_FIXDATE = new RegExp(`^${shortDay}, (?<day>\\d{2}) (?<month>${month}) (?<year>\\d{4}) ${time} GMT$`, 'i')
/** `Sunday, 06-Nov-94 08:49:37 GMT` */
const RFC850_DATE = new RegExp(`^${longDay}, (?<day>\\d{2})-(?<month>${month})-(?<year>\\d{2}) ${time} GMT$`, 'i')
/** `Sun Nov  6 08:49:37 1994` */
const ASCTIME_DATE = new RegExp(`^${shortDay} (?<month>${month}) (?<day>\\d{2}| \\d) ${time} (?<year>\\d{4})$`, 'i')

/** The last year that two digits stand for when nobody says what time it is: 70 to 99 are then of the last century. */
const LAST_YEAR_WITHOUT_NOW = 2069

/**
 * Milliseconds since the epoch, or undefined for anything that is no HTTP-date.
 *
 * @param nowMs decides the century of an RFC 850 date, whose year has two digits: it is never more than 50 years ahead
 */
export function parseHttpDate(value: string, nowMs?: number): number | undefined {
  const full = IMF_FIXDATE.exec(value) ?? ASCTIME_DATE.exec(value)
  if (full !== null) return timestamp(full, numberIn(full, 'year'))

  const short = RFC850_DATE.exec(value)
  return short === null ? undefined : timestamp(short, fullYear(short, nowMs))
}

/** IMF-fixdate, fractions of a second cut off. Right for the years 0 to 9999, which are all that HTTP can say. */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString()
}

function fullYear(match: RegExpExecArray, nowMs: number | undefined): number {
  const twoDigits = numberIn(match, 'year')
  if (nowMs === undefined) return twoDigits + (2000 + twoDigits > LAST_YEAR_WITHOUT_NOW ? 1900 : 2000)

  const latest = new Date(nowMs)
  latest.setUTCFullYear(latest.getUTCFullYear() + 50)
  const century = latest.getUTCFullYear() - (latest.getUTCFullYear() % 100)
  const year = century + twoDigits
  return (timestamp(match, year) ?? Date.UTC(year, 0)) > latest.getTime() ? year - 100 : year
}

function timestamp(match: RegExpExecArray, year: number): number | undefined {
  const monthIndex = MONTHS.indexOf((match.groups?.['month'] ?? '').toLowerCase())
  const day = numberIn(match, 'day')
  const hour = numberIn(match, 'hour')
  const minute = numberIn(match, 'minute')
  const second = numberIn(match, 'second')

  // The one leap second a day may have is not in Unix time: the nearest earlier one stands for it (RFC 9111 §4.2).
  const isLeapSecond = hour === 23 && minute === 59 && second === 60
  if (hour > 23 || minute > 59 || (second > 59 && !isLeapSecond)) return undefined

  // Date.UTC would take the years 0 to 99 for 1900 to 1999. A day the month does not have ends up in another month.
  const date = new Date(0)
  date.setUTCFullYear(year, monthIndex, day)
  if (date.getUTCMonth() !== monthIndex) return undefined
  return date.setUTCHours(hour, minute, Math.min(second, 59))
}

function numberIn(match: RegExpExecArray, group: string): number {
  return Number(match.groups?.[group])
}
