/** Cache-Status (RFC 9211): a structured list whose last member says what this cache did, and says it truly. */
import { BRIEF, type Case, type Expectation, FRESH, LATER, type OriginAnswer } from '../case.ts'
import { ALL_METHODS } from './invalidation.ts'

const HIT = 'RFC 9211 §2.1'
const FWD = 'RFC 9211 §2.2'

type Parameters = NonNullable<Expectation['cacheStatus']>

const fresh: OriginAnswer = { fields: FRESH }

const status = (
  id: string,
  section: string,
  what: string,
  parameters: Parameters,
  ...requests: readonly [...Case['requests'], Case['requests'][number]]
): Case => ({
  id: `cache-status-${id}`,
  kind: 'required',
  section,
  what,
  requests: requests.with(-1, { ...last(requests), expect: { ...last(requests).expect, cacheStatus: parameters } }),
})

function last(requests: readonly [...Case['requests'], Case['requests'][number]]): Case['requests'][number] {
  return requests[requests.length - 1] ?? {}
}

const NO_HIT = { hit: false }

export const cacheStatus: readonly Case[] = [
  status(
    'hit',
    HIT,
    'an answer out of the store without asking the origin is a hit',
    { hit: true, fwd: false },
    { answer: fresh },
    { expect: { asked: false } },
  ),
  status(
    'hit-head',
    HIT,
    'HEAD out of the store is a hit',
    { hit: true, fwd: false },
    { answer: fresh },
    { method: 'HEAD', expect: { asked: false } },
  ),
  status(
    'hit-304',
    HIT,
    'a 304 out of the store is a hit',
    { hit: true, fwd: false },
    { answer: { fields: { ...FRESH, ETag: '"a"' } } },
    { fields: { 'If-None-Match': '"a"' }, expect: { asked: false, status: 304 } },
  ),
  status(
    'hit-range',
    HIT,
    'a part out of the store is a hit',
    { hit: true, fwd: false },
    { answer: fresh },
    { fields: { Range: 'bytes=0-1' }, expect: { asked: false, status: 206 } },
  ),
  status(
    'hit-404',
    HIT,
    'a stored 404 is a hit',
    { hit: true, fwd: false },
    { answer: { status: 404, fields: FRESH } },
    { expect: { asked: false, status: 404 } },
  ),
  status(
    'hit-ttl',
    'RFC 9211 §2.4',
    'ttl is what is left of the lifetime',
    { hit: true, ttl: /^35[89]\d$|^3600$/ },
    { answer: fresh },
    { advance: LATER, expect: { asked: false } },
  ),
  {
    ...status(
      'hit-ttl-exact',
      'RFC 9211 §2.4',
      'ttl counts what Age has used up',
      { hit: true, ttl: 2600 - LATER },
      { answer: { fields: { ...FRESH, Age: '1000' } } },
      { advance: LATER, expect: { asked: false } },
    ),
    needsFakeClock: true,
  },
  status(
    'stale-served-ttl',
    'RFC 9211 §2.4',
    'ttl of a stale answer is negative',
    { ttl: /^-\d+$/ },
    { answer: { fields: { 'Cache-Control': 'max-age=1, stale-while-revalidate=3600' } } },
    { advance: LATER, answer: fresh, expect: { bodyOf: 0 } },
  ),
  status(
    'uri-miss',
    FWD,
    'what is not stored under the URI is a uri-miss',
    { ...NO_HIT, fwd: 'uri-miss' },
    { answer: fresh },
  ),
  status(
    'uri-miss-stored',
    'RFC 9211 §2.5',
    'stored says that the answer was stored',
    { fwd: 'uri-miss', stored: true },
    { answer: fresh },
  ),
  status(
    'uri-miss-not-stored',
    'RFC 9211 §2.5',
    'an answer that was not stored does not say so',
    { ...NO_HIT, stored: false },
    { answer: { fields: { 'Cache-Control': 'no-store' } } },
  ),
  status(
    'private-not-stored',
    'RFC 9211 §2.5',
    'a private answer was not stored',
    { ...NO_HIT, stored: false },
    { answer: { fields: { 'Cache-Control': 'private, max-age=3600' } } },
  ),
  status(
    'fwd-status',
    'RFC 9211 §2.3',
    'fwd-status is the status of the origin',
    { fwd: 'uri-miss', 'fwd-status': 404 },
    { answer: { status: 404, fields: FRESH } },
  ),
  status(
    'fwd-status-503',
    'RFC 9211 §2.3',
    'fwd-status is there for errors, too',
    { 'fwd-status': 503 },
    { answer: { status: 503, fields: { 'Cache-Control': 'no-store' } } },
  ),
  status(
    'stale',
    FWD,
    'what is stored and stale is forwarded as stale',
    { ...NO_HIT, fwd: 'stale', 'fwd-status': 200 },
    { answer: { fields: BRIEF } },
    { advance: LATER, answer: fresh },
  ),
  status(
    'stale-confirmed',
    'RFC 9211 §2.3',
    "a 304 to the cache's own question is in fwd-status",
    { ...NO_HIT, fwd: 'stale', 'fwd-status': 304 },
    { answer: { fields: { ...BRIEF, ETag: '"a"' }, body: 'the same' } },
    {
      advance: LATER,
      answer: { fields: { ...FRESH, ETag: '"a"' }, body: 'the same', evaluates: true },
      expect: { status: 200 },
    },
  ),
  status(
    'no-cache',
    FWD,
    'a no-cache answer that is validated is no hit',
    { ...NO_HIT, fwd: 'stale' },
    { answer: { fields: { 'Cache-Control': 'no-cache', ETag: '"a"' } } },
    { answer: { fields: { 'Cache-Control': 'no-cache', ETag: '"a"' } } },
  ),
  status(
    'vary-miss',
    FWD,
    'what is stored for other fields only is a vary-miss',
    { ...NO_HIT, fwd: 'vary-miss' },
    { fields: { 'X-Kind': '1' }, answer: { fields: { ...FRESH, Vary: 'X-Kind' } } },
    { fields: { 'X-Kind': '2' }, answer: { fields: { ...FRESH, Vary: 'X-Kind' } } },
  ),
  {
    ...status(
      'request',
      FWD,
      "where the client's own directives have it asked for, it is forwarded by request",
      { ...NO_HIT, fwd: 'request' },
      { answer: fresh },
      { fields: { 'Cache-Control': 'no-cache' }, answer: fresh, expect: { asked: true } },
    ),
    route: { requestCacheControl: 'honour' },
  },
  ...['POST', 'DELETE', 'LINK'].map(
    (method): Case => ({
      ...status(
        `method-${method.toLowerCase()}`,
        FWD,
        `${method} is forwarded for its method`,
        { ...NO_HIT, fwd: 'method' },
        { method, content: 'x', answer: fresh },
      ),
      route: { methods: ALL_METHODS },
    }),
  ),
  status(
    'after-invalidated',
    FWD,
    'once stored and no more is a miss like another',
    { ...NO_HIT, fwd: /^(uri-miss|miss|stale)$/ },
    { answer: { fields: { 'Cache-Control': 'no-store' } } },
    { answer: fresh },
  ),
  status(
    'partial',
    FWD,
    'a part that is missing from what is stored is forwarded as partial, or as a miss',
    { ...NO_HIT, fwd: /^(partial|miss|uri-miss)$/ },
    {
      fields: { Range: 'bytes=0-4' },
      answer: { fields: { ...FRESH, ETag: '"a"' }, body: 'x'.repeat(3_000_000), evaluates: true },
    },
    {
      fields: { Range: 'bytes=2500000-2500004' },
      answer: { fields: { ...FRESH, ETag: '"a"' }, body: 'x'.repeat(3_000_000), evaluates: true },
      expect: { asked: true },
    },
  ),
  status(
    'kept-of-others',
    'RFC 9211 §2',
    'what caches before it said comes first',
    { hit: false, fwd: 'uri-miss' },
    {
      answer: { fields: { ...FRESH, 'Cache-Status': 'upstream; hit; ttl=5' } },
      expect: { fields: { 'Cache-Status': /^upstream; ?hit; ?ttl=5, / } },
    },
  ),
  status(
    'hit-after-others',
    'RFC 9211 §2',
    'a hit says nothing of its own that an earlier cache had said',
    { hit: true, fwd: false },
    { answer: { fields: { ...FRESH, 'Cache-Status': 'upstream; fwd=uri-miss' } } },
    { expect: { asked: false } },
  ),
  {
    ...status('own-error', 'RFC 9211 §2.2', 'an error the cache makes itself is no hit', NO_HIT, {
      answer: { failure: 'reset' },
      expect: { status: [502, 503, 504] },
    }),
    // Whether an error of its own has the field at all is the cache's choice.
    kind: 'optimal',
  },
  status(
    'stale-if-error',
    'RFC 9211 §2.2',
    'a stale answer in place of an error says that the origin was asked',
    { hit: false, fwd: 'stale' },
    { answer: { fields: { 'Cache-Control': 'max-age=1, stale-if-error=3600' } } },
    {
      advance: LATER,
      answer: { status: 503, fields: { 'Cache-Control': 'no-store' } },
      expect: { asked: true, status: 200 },
    },
  ),
  {
    id: 'cache-status-there',
    kind: 'optimal',
    section: 'RFC 9211 §2',
    what: 'a cache says what it did',
    requests: [{ answer: fresh, expect: { fields: { 'Cache-Status': true } } }],
  },
  {
    id: 'cache-status-collapsed',
    kind: 'optimal',
    section: 'RFC 9211 §2.6',
    what: 'collapsed says that a request was served by the one of another',
    requests: [
      { together: 3, answer: fresh, expect: { asked: 1, fields: { 'Cache-Status': /fwd=|hit/ } } },
      { expect: { asked: false } },
    ],
  },
]
