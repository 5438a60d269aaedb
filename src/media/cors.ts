/**
 * CORS (Fetch standard, "HTTP CORS protocol"; Resource Timing, Timing-Allow-Origin): which sites' players may read a
 * route's answers, and the fields that say so.
 *
 * Whatever a browser asks is answered by one of a few arrays that were made before: one for all, where every site gets
 * the same answer, or else one for each site. So the same array comes again for the same site, and an answer is stored
 * once however many sites want it.
 *
 * Invariant: `Vary: Origin` is on exactly those answers that another site might get differently, and it is on all of
 * them, those to requests without an Origin too, since a cache in front may keep any of them. A single named site is
 * told to everybody, so that it needs no Vary.
 */

import { compileSite, type SitePattern } from '../http/site.ts'

export interface CorsRules {
  /** `*` is every site. */
  readonly origins: readonly SitePattern[]
  /** How long a browser may remember the answer to a preflight. */
  readonly maxAgeSeconds: number
  /** Whether players may send cookies along and still read the answer. Never together with `*`. */
  readonly allowsCredentials: boolean
  /** Further request fields that players set. */
  readonly allowHeaders: readonly string[]
  readonly methods: readonly string[]
}

export interface Cors {
  /** name, value, …: what every answer of the route carries for a request with this Origin field. */
  fieldsFor(origin: string | undefined): readonly string[]
  /** name, value, …: the answer to a preflight, beside the ones above. */
  readonly preflightFields: readonly string[]
}

/** What players send: ranges, conditions, tokens, and what they tell of themselves (CTA-5004). */
const REQUEST_FIELDS = [
  'Range',
  'If-Range',
  'If-None-Match',
  'Authorization',
  'CMCD-Request',
  'CMCD-Object',
  'CMCD-Status',
  'CMCD-Session',
]

/** What players want to see of an answer, beyond the few that every script may. */
const EXPOSED_FIELDS = [
  'Content-Length',
  'Content-Range',
  'Accept-Ranges',
  'ETag',
  'Age',
  'Date',
  'Cache-Status',
  'Server-Timing',
].join(', ')

/** Whether a site may read it or not. */
export const OF_EVERY_CORS_ANSWER = 'access-control-expose-headers'

const EXPOSED: readonly string[] = ['Access-Control-Expose-Headers', EXPOSED_FIELDS]

const NEVER_WITH_CONTENT = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Sites that match a pattern come from strangers; so many are remembered, and no longer names. */
const MAX_REMEMBERED = 256
const MAX_ORIGIN_LENGTH = 300

const VARY: readonly string[] = ['Vary', 'Origin']

/** @param routeFields name, value, …: the route's own, which are on all of its answers */
export function compileCors(rules: CorsRules, routeFields: readonly string[] = []): Cors {
  const { origins } = rules
  const preflightFields = preflight(rules)
  const [first, ...others] = origins
  const isForAll = origins.includes('*')
  if (isForAll || (first !== undefined && others.length === 0 && !first.includes('*'))) {
    const fields = [...routeFields, ...permission(isForAll ? '*' : (first ?? ''), rules)]
    return { fieldsFor: () => fields, preflightFields }
  }

  const refused = [...routeFields, ...EXPOSED, ...VARY]
  const granted = (origin: string) => [...routeFields, ...permission(origin, rules), ...VARY]
  const named = new Map(origins.filter((site) => !site.includes('*')).map((site) => [site, granted(site)]))
  const patterns = origins.filter((site) => site.includes('*')).map(compileSite)
  const matched = new Map<string, readonly string[]>()
  return {
    preflightFields,
    fieldsFor: (origin) => {
      if (origin === undefined) return refused
      const known = named.get(origin) ?? matched.get(origin)
      if (known !== undefined) return known
      if (origin.length > MAX_ORIGIN_LENGTH || !patterns.some((pattern) => pattern.test(origin))) return refused
      if (matched.size === MAX_REMEMBERED) matched.clear()
      const fields = granted(origin)
      matched.set(origin, fields)
      return fields
    },
  }
}

/** Whether a browser asks for permission here, rather than for anything of the origin's (Fetch, CORS-preflight request). */
export function isPreflight(
  method: string | undefined,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): boolean {
  return (
    method === 'OPTIONS' && headers['origin'] !== undefined && headers['access-control-request-method'] !== undefined
  )
}

/** A field by which a server speaks for itself about CORS; lower case. */
export function isCorsField(lowerCaseName: string): boolean {
  return lowerCaseName.startsWith('access-control-') || lowerCaseName === 'timing-allow-origin'
}

function permission(origin: string, { allowsCredentials }: CorsRules): readonly string[] {
  return [
    'Access-Control-Allow-Origin',
    origin,
    ...(allowsCredentials ? ['Access-Control-Allow-Credentials', 'true'] : []),
    ...EXPOSED,
    'Timing-Allow-Origin',
    origin,
  ]
}

/** The same for everybody: what is not permitted is said by the fields that are missing beside these. */
function preflight({ methods, allowHeaders, maxAgeSeconds }: CorsRules): readonly string[] {
  const bringsContent = methods.some((method) => !NEVER_WITH_CONTENT.has(method))
  const names = [...REQUEST_FIELDS, ...(bringsContent ? ['Content-Type'] : []), ...allowHeaders]
  const isFirst = (name: string, index: number) =>
    names.findIndex((one) => one.toLowerCase() === name.toLowerCase()) === index
  return [
    'Access-Control-Allow-Methods',
    methods.join(', '),
    'Access-Control-Allow-Headers',
    names.filter(isFirst).join(', '),
    'Access-Control-Max-Age',
    String(maxAgeSeconds),
  ]
}
