/** Stale answers: when they are forbidden (RFC 9111 §4.2.4), and stale-if-error (RFC 5861 §4). */
import { type Case, type Expectation, FRESH, LATER, type OriginAnswer } from '../case.ts'

const SERVING = 'RFC 9111 §4.2.4'
const IF_ERROR = 'RFC 5861 §4'

const cached = (cacheControl: string): OriginAnswer => ({ fields: { 'Cache-Control': cacheControl } })
const failing = (status: number): OriginAnswer => ({ status, fields: { 'Cache-Control': 'no-store' } })

const RESET: OriginAnswer = { failure: 'reset' }
const CLOSED: OriginAnswer = { failure: 'close' }

/** A 5xx of the origin or of the cache itself, but nothing stale. */
const AN_ERROR: Expectation = { asked: true, status: [500, 501, 502, 503, 504] }

type Facts = Pick<Case, 'id' | 'kind' | 'section' | 'what' | 'route'>

/** Stored, stale, and then the origin has trouble. */
const troubled = (facts: Facts, cacheControl: string, trouble: OriginAnswer, expect: Expectation): Case => ({
  ...facts,
  requests: [{ answer: cached(cacheControl) }, { advance: LATER, answer: trouble, expect }],
})

const STALE: Expectation = { status: 200, bodyOf: 0 }

/** What forbids a stale answer, even where the origin cannot be asked and stale-if-error allows it. */
const FORBIDDING: readonly (readonly [id: string, section: string, directives: string])[] = [
  ['must-revalidate', 'RFC 9111 §5.2.2.2', 'max-age=1, must-revalidate'],
  ['proxy-revalidate', 'RFC 9111 §5.2.2.8', 'max-age=1, proxy-revalidate'],
  ['s-maxage', 'RFC 9111 §5.2.2.10', 's-maxage=1'],
  ['no-cache', 'RFC 9111 §5.2.2.4', 'no-cache'],
]

/**
 * RFC 5861's directives are extensions that modify what others say (RFC 9111 §5.2.3): beside s-maxage both readings
 * stand, and content delivery networks take the one, HTTP's own text the other. Where nobody but the operator of the
 * cache allows the stale answer there is only one.
 */
const kindOf = (forbidding: string): Case['kind'] => (forbidding === 's-maxage' ? 'optimal' : 'required')

const TROUBLES: readonly (readonly [id: string, trouble: OriginAnswer])[] = [
  ['500', failing(500)],
  ['502', failing(502)],
  ['503', failing(503)],
  ['504', failing(504)],
  ['reset', RESET],
  ['close', CLOSED],
]

export const stale: readonly Case[] = [
  ...TROUBLES.map(([trouble, answer]) =>
    troubled(
      {
        id: `stale-never-s-maxage-by-route-${trouble}`,
        kind: 'required',
        section: 'RFC 9111 §5.2.2.10',
        what: `with s-maxage alone nothing stale is served, whatever the route allows (${trouble})`,
        route: { staleIfError: '1h' },
      },
      's-maxage=1',
      answer,
      AN_ERROR,
    ),
  ),
  ...FORBIDDING.flatMap(([id, section, directives]) =>
    TROUBLES.filter(([trouble]) => ['503', 'reset'].includes(trouble)).map(([trouble, answer]) =>
      troubled(
        {
          id: `stale-never-${id}-${trouble}`,
          kind: kindOf(id),
          section,
          what: `with ${id} nothing stale is served, also when the origin fails (${trouble})`,
        },
        `${directives}, stale-if-error=3600`,
        answer,
        AN_ERROR,
      ),
    ),
  ),
  ...FORBIDDING.map(([id, section, directives]) =>
    troubled(
      {
        id: `stale-never-${id}-while`,
        kind: kindOf(id),
        section,
        what: `with ${id} nothing stale is served while it is validated`,
      },
      `${directives}, stale-while-revalidate=3600`,
      { fields: FRESH },
      { asked: true, bodyOf: 1 },
    ),
  ),
  troubled(
    {
      id: 'stale-must-revalidate-504',
      kind: 'optimal',
      section: 'RFC 9111 §5.2.2.2',
      what: 'where an answer that has to be validated cannot be, the error is 504',
    },
    'max-age=1, must-revalidate',
    RESET,
    { status: 504 },
  ),
  troubled(
    {
      id: 'stale-not-permitted',
      kind: 'required',
      section: SERVING,
      what: 'without permission nothing stale is served to a client while the origin answers',
    },
    'max-age=1',
    { fields: FRESH },
    { asked: true, bodyOf: 1 },
  ),
  troubled(
    {
      id: 'stale-not-permitted-on-error',
      kind: 'required',
      section: SERVING,
      what: 'an origin that answers 503 is no permission to serve what is stale',
      route: { staleIfError: '0s' },
    },
    'max-age=1',
    failing(503),
    AN_ERROR,
  ),
  ...TROUBLES.map(([id, trouble]) =>
    troubled(
      {
        id: `stale-if-error-${id}`,
        kind: 'optimal',
        section: IF_ERROR,
        what: `within stale-if-error an origin that fails (${id}) is stood in for`,
      },
      'max-age=1, stale-if-error=3600',
      trouble,
      STALE,
    ),
  ),
  ...TROUBLES.filter(([id]) => ['503', 'reset'].includes(id)).map(([id, trouble]) =>
    troubled(
      {
        id: `stale-if-error-over-${id}`,
        kind: 'required',
        section: IF_ERROR,
        what: `after stale-if-error an origin that fails (${id}) is not stood in for`,
        route: { staleIfError: '0s' },
      },
      'max-age=1, stale-if-error=1',
      trouble,
      AN_ERROR,
    ),
  ),
  troubled(
    {
      id: 'stale-if-error-short-over-route',
      kind: 'optimal',
      section: IF_ERROR,
      what: 'what the origin says about stale-if-error counts more than what is configured',
    },
    'max-age=1, stale-if-error=0',
    failing(503),
    AN_ERROR,
  ),
  ...[404, 410, 403].map((status) =>
    troubled(
      {
        id: `stale-if-error-not-${status}`,
        kind: 'required',
        section: IF_ERROR,
        what: `a ${status} is an answer and no error to stand in for`,
      },
      'max-age=1, stale-if-error=3600',
      failing(status),
      { asked: true, status },
    ),
  ),
  troubled(
    {
      id: 'stale-if-error-by-route',
      kind: 'optimal',
      section: SERVING,
      what: 'what is configured permits stale answers, too',
      route: { staleIfError: '1h' },
    },
    'max-age=1',
    failing(503),
    STALE,
  ),
  troubled(
    { id: 'stale-if-error-age', kind: 'required', section: 'RFC 9111 §5.1', what: 'a stale answer says how old it is' },
    'max-age=1, stale-if-error=3600',
    RESET,
    { ifStatus: { 200: { age: LATER } } },
  ),
  {
    id: 'stale-if-error-timeout',
    kind: 'optimal',
    section: IF_ERROR,
    what: 'an origin that does not answer in time is stood in for',
    needsFakeClock: true,
    requests: [
      { answer: cached('max-age=1, stale-if-error=3600') },
      { advance: LATER, advanceWhileWaiting: 120, answer: { failure: 'stall' }, expect: STALE },
    ],
  },
  {
    id: 'stale-if-error-then-well',
    kind: 'required',
    section: SERVING,
    what: 'once the origin answers again, its answer is used',
    requests: [
      { answer: cached('max-age=1, stale-if-error=3600') },
      { advance: LATER, answer: failing(503) },
      { advance: LATER, answer: { fields: FRESH }, expect: { asked: true, status: 200, bodyOf: 2 } },
    ],
  },
  {
    id: 'stale-if-error-no-content-lost',
    kind: 'optimal',
    section: IF_ERROR,
    what: 'an error does not drive the stored answer out: it stands in again and again',
    requests: [
      { answer: cached('max-age=1, stale-if-error=3600') },
      { advance: LATER, answer: failing(503), expect: STALE },
      { advance: LATER, answer: failing(503), expect: STALE },
    ],
  },
]
