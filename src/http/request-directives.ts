/**
 * The Cache-Control of a request (RFC 9111 §5.2.1): what a client wishes of the caches on its way.
 *
 * Invariant: a wish that cannot be read is none. A cache may ignore any of them, and guessing at one would let a
 * broken client have every answer fetched anew.
 */
import { readDirective } from './directives.ts'
import { nextMember, parseDeltaSeconds, trimWhitespace } from './syntax.ts'

/** What was wished for; a number is absent when its directive is. Numbers are whole seconds from 0 to 2^31. */
export interface RequestDirectives {
  readonly noCache: boolean
  readonly noStore: boolean
  readonly onlyIfCached: boolean
  /** The greatest age the client takes. */
  readonly maxAge?: number
  /** How long the response is to stay fresh from now on. */
  readonly minFresh?: number
  /** How stale the response may be; Infinity where any staleness is welcome. */
  readonly maxStale?: number
}

type Draft = { -readonly [Name in keyof RequestDirectives]: RequestDirectives[Name] }

const NOTHING_WISHED: RequestDirectives = Object.freeze({ noCache: false, noStore: false, onlyIfCached: false })

/**
 * Of a number said twice the stricter one counts: the smaller max-age and max-stale, the larger min-fresh. Unknown
 * directives are ignored. `Pragma: no-cache` counts only in a request without Cache-Control (RFC 9111 §5.4).
 */
export function parseRequestDirectives(
  cacheControl: string | undefined,
  pragma: string | undefined,
): RequestDirectives {
  if (cacheControl === undefined) {
    return pragma !== undefined && hasNoCache(pragma) ? { ...NOTHING_WISHED, noCache: true } : NOTHING_WISHED
  }
  const draft: Draft = { ...NOTHING_WISHED }
  for (let start = nextMember(cacheControl, 0); start < cacheControl.length; ) {
    const { name, argument, end } = readDirective(cacheControl, start)
    apply(draft, name, argument)
    start = nextMember(cacheControl, end)
  }
  return draft
}

function apply(draft: Draft, name: string, argument: string | undefined): void {
  switch (name) {
    case 'no-cache':
      draft.noCache = true
      return
    case 'no-store':
      draft.noStore = true
      return
    case 'only-if-cached':
      draft.onlyIfCached = true
      return
  }
  const seconds = name === 'max-stale' && argument === undefined ? Infinity : parseDeltaSeconds(argument ?? '')
  if (seconds === undefined) return
  switch (name) {
    case 'max-age':
      draft.maxAge = Math.min(draft.maxAge ?? seconds, seconds)
      return
    case 'min-fresh':
      draft.minFresh = Math.max(draft.minFresh ?? seconds, seconds)
      return
    case 'max-stale':
      draft.maxStale = Math.min(draft.maxStale ?? seconds, seconds)
  }
}

function hasNoCache(pragma: string): boolean {
  return pragma.split(',').some((member) => trimWhitespace(member).toLowerCase() === 'no-cache')
}
