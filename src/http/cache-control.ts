/**
 * The Cache-Control of a response (RFC 9111 §5.2), for a shared cache.
 *
 * Invariant: in doubt the answer is the more restrictive one. A directive that forbids is heeded even where its
 * argument is odd; a number of seconds that is none is 0, which is stale.
 */
import type { Directive } from './directives.ts'
import { readDirective } from './directives.ts'
import { nextMember, parseDeltaSeconds } from './syntax.ts'

/** What was said; a number is absent when its directive is. All numbers are whole seconds from 0 to 2^31. */
export interface CacheControl {
  readonly noStore: boolean
  /** Also for `no-cache="field"`: a cache may take the qualified form for the unqualified one (RFC 9111 §5.2.2.4). */
  readonly noCache: boolean
  /** Also for `private="field"` (RFC 9111 §5.2.2.7). */
  readonly private: boolean
  readonly public: boolean
  readonly mustRevalidate: boolean
  readonly proxyRevalidate: boolean
  /** RFC 9111 §5.2.2.3 */
  readonly mustUnderstand: boolean
  /** RFC 8246 */
  readonly immutable: boolean
  readonly maxAge?: number
  readonly sMaxage?: number
  /** RFC 5861 §3 */
  readonly staleWhileRevalidate?: number
  /** RFC 5861 §4 */
  readonly staleIfError?: number
}

type Draft = { -readonly [Name in keyof CacheControl]: CacheControl[Name] }

/**
 * Of a number said twice the smaller one counts. RFC 9111 §4.2.1 leaves the choice between the first and stale; the
 * smaller is never fresher than the first, and still caches. Unknown directives are ignored.
 */
export function parseCacheControl(value: string | undefined): CacheControl {
  const draft: Draft = {
    noStore: false,
    noCache: false,
    private: false,
    public: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    immutable: false,
  }
  if (value === undefined) return draft
  for (let start = nextMember(value, 0); start < value.length; ) {
    const directive = readDirective(value, start)
    apply(draft, directive)
    start = nextMember(value, directive.end)
  }
  return draft
}

function apply(draft: Draft, { name, argument }: Directive): void {
  switch (name) {
    case 'no-store':
      draft.noStore = true
      return
    case 'no-cache':
      draft.noCache = true
      return
    case 'private':
      draft.private = true
      return
    case 'public':
      draft.public = true
      return
    case 'must-revalidate':
      draft.mustRevalidate = true
      return
    case 'proxy-revalidate':
      draft.proxyRevalidate = true
      return
    case 'must-understand':
      draft.mustUnderstand = true
      return
    case 'immutable':
      draft.immutable = true
      return
    case 'max-age':
      draft.maxAge = smallerSeconds(draft.maxAge, argument)
      return
    case 's-maxage':
      draft.sMaxage = smallerSeconds(draft.sMaxage, argument)
      return
    case 'stale-while-revalidate':
      draft.staleWhileRevalidate = smallerSeconds(draft.staleWhileRevalidate, argument)
      return
    case 'stale-if-error':
      draft.staleIfError = smallerSeconds(draft.staleIfError, argument)
  }
}

function smallerSeconds(earlier: number | undefined, argument: string | undefined): number {
  const seconds = parseDeltaSeconds(argument ?? '') ?? 0
  return earlier === undefined ? seconds : Math.min(earlier, seconds)
}
