/**
 * CDN-Cache-Control (RFC 9213), and which of a response's fields decides how a shared cache treats it.
 *
 * Invariant: one field decides, wholly. A CDN-Cache-Control that is valid and not empty makes Cache-Control and
 * Expires count for nothing (§2.2); any other is as good as absent (§2.1).
 */
import type { CacheControl } from './cache-control.ts'
import { parseCacheControl } from './cache-control.ts'
import type { Dictionary } from './structured-fields.ts'
import { parseDictionary } from './structured-fields.ts'
import { MAX_DELTA_SECONDS } from './syntax.ts'

/** Values of the response's fields, as they arrived; several lines joined with commas. */
export interface CacheControlFields {
  readonly cacheControl?: string | undefined
  readonly cdnCacheControl?: string | undefined
}

export interface EffectiveCacheControl {
  readonly cacheControl: CacheControl
  /** The directives are those of CDN-Cache-Control, and Expires is to be ignored. */
  readonly isTargeted: boolean
}

/** The directives that a shared cache has to go by (RFC 9213 §2.2). */
export function effectiveCacheControl(fields: CacheControlFields): EffectiveCacheControl {
  const targeted = parseCdnCacheControl(fields.cdnCacheControl)
  if (targeted !== undefined) return { cacheControl: targeted, isTargeted: true }
  return { cacheControl: parseCacheControl(fields.cacheControl), isTargeted: false }
}

/**
 * Undefined where the field is absent, empty or no dictionary (RFC 9651), and the response's other fields decide.
 *
 * A directive whose value has another type than its definition allows is not read as if it had the right one (§2.1);
 * for the rest it means what it means in Cache-Control (§2.2). So a number of seconds that is no whole number, or a
 * negative one, is invalid freshness information, which is stale (RFC 9111 §4.2.1); what forbids is heeded whatever
 * its value, unless that is `?0`; and what permits counts only as it is defined. Names are in lower case, as all keys
 * are, parameters mean nothing, and of a directive said twice the last one counts.
 */
export function parseCdnCacheControl(value: string | undefined): CacheControl | undefined {
  if (value === undefined) return undefined
  const directives = parseDictionary(value)
  if (directives === undefined || directives.size === 0) return undefined

  const maxAge = seconds(directives, 'max-age')
  const sMaxage = seconds(directives, 's-maxage')
  const staleWhileRevalidate = seconds(directives, 'stale-while-revalidate')
  const staleIfError = seconds(directives, 'stale-if-error')
  return {
    noStore: isForbidding(directives, 'no-store'),
    noCache: isForbidding(directives, 'no-cache'),
    private: isForbidding(directives, 'private'),
    public: isTrue(directives, 'public'),
    mustRevalidate: isForbidding(directives, 'must-revalidate'),
    proxyRevalidate: isForbidding(directives, 'proxy-revalidate'),
    mustUnderstand: isTrue(directives, 'must-understand'),
    immutable: isTrue(directives, 'immutable'),
    ...(maxAge !== undefined && { maxAge }),
    ...(sMaxage !== undefined && { sMaxage }),
    ...(staleWhileRevalidate !== undefined && { staleWhileRevalidate }),
    ...(staleIfError !== undefined && { staleIfError }),
  }
}

function isTrue(directives: Dictionary, name: string): boolean {
  const member = directives.get(name)
  return member?.type === 'boolean' && member.value
}

function isForbidding(directives: Dictionary, name: string): boolean {
  const member = directives.get(name)
  return member !== undefined && !(member.type === 'boolean' && !member.value)
}

function seconds(directives: Dictionary, name: string): number | undefined {
  const member = directives.get(name)
  if (member === undefined) return undefined
  return member.type === 'integer' ? Math.min(Math.max(0, member.value), MAX_DELTA_SECONDS) : 0
}
