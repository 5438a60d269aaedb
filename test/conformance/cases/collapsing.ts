/** Many requests at once (RFC 9111 §4): one for all where the answer may be shared, each its own where it may not. */
import { type Case, type Fields, FRESH } from '../case.ts'

const COLLAPSING = 'RFC 9111 §4'

const NOT_SHARED: readonly (readonly [id: string, what: string, fields: Fields])[] = [
  ['no-store', 'an answer that may not be stored', { 'Cache-Control': 'no-store' }],
  ['private', 'a private answer', { 'Cache-Control': 'private, max-age=3600' }],
  ['vary-star', 'an answer that never matches another request', { ...FRESH, Vary: '*' }],
  ['private-with-cookie', 'a private answer with a cookie', { 'Cache-Control': 'private', 'Set-Cookie': 'session=1' }],
]

export const collapsing: readonly Case[] = [
  {
    id: 'collapsed-miss',
    kind: 'optimal',
    section: COLLAPSING,
    what: 'one request to the origin serves all who wait for the same answer',
    requests: [{ together: 5, answer: { fields: FRESH }, expect: { asked: 1, status: 200, bodyOf: 0 } }],
  },
  {
    id: 'collapsed-404',
    kind: 'optimal',
    section: COLLAPSING,
    what: 'an error that may be stored serves all who wait for it',
    requests: [{ together: 5, answer: { status: 404, fields: FRESH }, expect: { asked: 1, status: 404, bodyOf: 0 } }],
  },
  {
    id: 'collapsed-of-chunks',
    kind: 'optimal',
    section: COLLAPSING,
    what: 'an answer without a length serves all who wait for it',
    requests: [{ together: 5, answer: { fields: FRESH, framing: 'chunked' }, expect: { asked: 1, bodyOf: 0 } }],
  },
  ...NOT_SHARED.map(
    ([id, what, fields]): Case => ({
      id: `not-collapsed-${id}`,
      kind: 'required',
      section: COLLAPSING,
      what: `${what} is given to none of the others who wait`,
      requests: [
        {
          together: 3,
          answer: { fields, isDistinct: true },
          expect: { asked: 3, status: 200, hasDistinctBodies: true },
        },
      ],
    }),
  ),
]
