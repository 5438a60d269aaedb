/** Authorization (RFC 9111 §3.5) and cookies (RFC 9111 §7.3). */
import { type Case, FRESH, notReused, reused } from '../case.ts'

const AUTHORIZATION = 'RFC 9111 §3.5'
const COOKIES = 'RFC 9111 §7.3'

const ANN = { Authorization: 'Basic YW5uOng=' }
const BOB = { Authorization: 'Basic Ym9iOng=' }

const allowed = (cacheControl: string) => ({ fields: { 'Cache-Control': cacheControl } })

const ALLOWING: readonly (readonly [id: string, cacheControl: string])[] = [
  ['public', 'public, max-age=3600'],
  ['s-maxage', 's-maxage=3600'],
  ['must-revalidate', 'must-revalidate, max-age=3600'],
]

const NOT_ALLOWING: readonly (readonly [id: string, cacheControl: string])[] = [
  ['max-age', 'max-age=3600'],
  ['proxy-revalidate', 'proxy-revalidate, max-age=3600'],
  ['immutable', 'immutable, max-age=3600'],
  ['public-in-quotes', 'x="public", max-age=3600'],
]

export const credentials: readonly Case[] = [
  ...NOT_ALLOWING.flatMap(([id, cacheControl]) => [
    notReused({
      id: `authorization-${id}-others`,
      kind: 'required',
      section: AUTHORIZATION,
      what: `what one client got for its credentials is not given to another one (${id})`,
      answer: allowed(cacheControl),
      first: { fields: ANN },
      second: { fields: BOB },
      expect: { origin: { fields: BOB } },
    }),
    notReused({
      id: `authorization-${id}-nobody`,
      kind: 'required',
      section: AUTHORIZATION,
      what: `what one client got for its credentials is not given to one without (${id})`,
      answer: allowed(cacheControl),
      first: { fields: ANN },
    }),
  ]),
  notReused({
    id: 'authorization-expires',
    kind: 'required',
    section: AUTHORIZATION,
    what: 'Expires does not allow storing what credentials brought',
    answer: { fields: { Expires: '{t0+3600}' } },
    first: { fields: ANN },
    second: { fields: BOB },
  }),
  notReused({
    id: 'authorization-heuristic',
    kind: 'required',
    section: AUTHORIZATION,
    what: 'nor does a heuristic',
    answer: { fields: { 'Last-Modified': '{t0-8640000}' } },
    first: { fields: ANN },
    second: { fields: BOB },
  }),
  ...ALLOWING.map(([id, cacheControl]) =>
    reused({
      id: `authorization-${id}`,
      kind: 'optimal',
      section: AUTHORIZATION,
      what: `${id} allows a shared cache to store what credentials brought`,
      answer: allowed(cacheControl),
      first: { fields: ANN },
      second: { fields: BOB },
    }),
  ),
  reused({
    id: 'authorization-of-the-second',
    kind: 'optimal',
    section: AUTHORIZATION,
    what: 'what was given to a client without credentials may be given to one with them',
    answer: allowed('max-age=3600'),
    second: { fields: ANN },
  }),
  {
    id: 'authorization-not-shared-while-waiting',
    kind: 'required',
    section: AUTHORIZATION,
    what: 'clients with credentials that ask at the same time each get their own answer',
    requests: [
      {
        fields: ANN,
        together: 3,
        answer: { fields: FRESH, isDistinct: true },
        expect: { asked: 3, status: 200, hasDistinctBodies: true },
      },
    ],
  },
  reused({
    id: 'cookie-of-the-request',
    kind: 'optimal',
    section: COOKIES,
    what: 'a Cookie in a request does not forbid storing by itself',
    answer: { fields: FRESH },
    first: { fields: { Cookie: 'a=1' } },
    second: { fields: { Cookie: 'a=2' } },
  }),
  reused({
    id: 'set-cookie-reused',
    kind: 'optimal',
    section: COOKIES,
    what: 'Set-Cookie does not forbid storing by itself',
    answer: { fields: { ...FRESH, 'Set-Cookie': 'a=1' } },
  }),
  reused({
    id: 'set-cookie-reused-lines',
    kind: 'optimal',
    section: 'RFC 9110 §5.3',
    what: 'several Set-Cookie are never joined, also out of the store',
    answer: { fields: { ...FRESH, 'Set-Cookie': ['a=1; Path=/', 'b=2, c'] } },
    expect: { fields: { 'Set-Cookie': ['a=1; Path=/', 'b=2, c'] } },
  }),
  notReused({
    id: 'set-cookie-forbidden-by-route',
    kind: 'required',
    section: COOKIES,
    what: 'where the route forbids it, an answer with Set-Cookie is not stored',
    route: { storeSetCookie: false },
    answer: { fields: { ...FRESH, 'Set-Cookie': 'a=1' } },
  }),
  notReused({
    id: 'set-cookie-private',
    kind: 'required',
    section: COOKIES,
    what: 'a server that does not want its cookie shared says so, and is heeded',
    answer: { fields: { 'Cache-Control': 'private, max-age=3600', 'Set-Cookie': 'a=1' } },
  }),
]
