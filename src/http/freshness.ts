/**
 * How long a response may be used without asking again, and how old it already was when it arrived (RFC 9111 §4.2).
 *
 * Invariant: both are whole seconds, never negative, and never further from stale than the response itself allows.
 */
import { effectiveCacheControl } from './cdn-cache-control.ts'
import { parseHttpDate } from './date.ts'
import { endAtComma, MAX_DELTA_SECONDS, parseDeltaSeconds, trimWhitespace } from './syntax.ts'

/** Values of the response's fields, as they arrived. */
export interface FreshnessFields {
  readonly cacheControl?: string | undefined
  readonly cdnCacheControl?: string | undefined
  readonly expires?: string | undefined
  readonly date?: string | undefined
}

/** Values of the fields that tell how old a response is. */
export interface AgeFields {
  readonly date?: string | undefined
  readonly age?: string | undefined
}

/**
 * Seconds from the moment the origin made the response, or undefined when it says nothing explicit
 * (RFC 9111 §4.2.1). For a shared cache: s-maxage, else max-age, else Expires − Date. `no-cache` is 0, and so is an
 * Expires that is no date, `0` above all (§5.3). A valid CDN-Cache-Control speaks alone: Cache-Control and Expires
 * count for nothing beside it (RFC 9213 §2.2).
 *
 * @param responseTimeMs when the response arrived; stands in for a missing or broken Date (RFC 9110 §6.6.1)
 */
export function freshnessLifetimeSeconds(fields: FreshnessFields, responseTimeMs: number): number | undefined {
  const { cacheControl, isTargeted } = effectiveCacheControl(fields)
  if (cacheControl.noCache) return 0
  const seconds = cacheControl.sMaxage ?? cacheControl.maxAge
  if (seconds !== undefined) return seconds
  if (isTargeted || fields.expires === undefined) return undefined

  const expiresMs = parseHttpDate(fields.expires, responseTimeMs)
  if (expiresMs === undefined) return 0
  const dateMs = dateOf(fields.date, responseTimeMs) ?? responseTimeMs
  return clampSeconds((expiresMs - dateMs) / 1000)
}

/**
 * The age of a response at the moment it arrived: the larger of what its Date shows and what its Age says plus the
 * time it was on its way (RFC 9111 §4.2.3).
 *
 * Date has whole seconds only, so the time of arrival is cut to whole seconds before the two are compared; otherwise
 * every response would seem up to a second old.
 */
export function initialAgeSeconds(fields: AgeFields, requestTimeMs: number, responseTimeMs: number): number {
  const dateMs = dateOf(fields.date, responseTimeMs)
  const apparentAge = dateMs === undefined ? 0 : Math.floor(responseTimeMs / 1000) - dateMs / 1000
  const responseDelay = Math.max(0, responseTimeMs - requestTimeMs) / 1000
  return clampSeconds(Math.max(apparentAge, ageOf(fields.age) + responseDelay))
}

function dateOf(date: string | undefined, nowMs: number): number | undefined {
  return date === undefined ? undefined : parseHttpDate(date, nowMs)
}

/** The first member of a list counts; an invalid value is as good as none (RFC 9111 §5.1). */
function ageOf(age: string | undefined): number {
  return age === undefined ? 0 : (parseDeltaSeconds(trimWhitespace(age.slice(0, endAtComma(age, 0)))) ?? 0)
}

function clampSeconds(seconds: number): number {
  return Math.min(Math.max(0, Math.floor(seconds)), MAX_DELTA_SECONDS)
}
