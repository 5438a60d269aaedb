/** When an origin wants to be asked again. */
import { parseHttpDate } from '../http/date.ts'

/** An hour: whoever says more than that has a fault of its own. */
const MAX_RETRY_AFTER_SECONDS = 3600

/** Retry-After (RFC 9110 §10.2.3), seconds or a date, in whole seconds from now; undefined where it makes no sense. */
export function retryAfterSeconds(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const date = parseHttpDate(value, nowMs)
  const seconds = date === undefined ? (/^\d+$/.test(value) ? Number(value) : Number.NaN) : (date - nowMs) / 1000
  const whole = Math.ceil(seconds)
  return whole >= 1 && whole <= MAX_RETRY_AFTER_SECONDS ? whole : undefined
}
