/** Unsafe methods and what they make of stored answers (RFC 9111 §4.4), on a route that lets them through. */
import { type Case, type Exchange, type Fields, FRESH, type OriginAnswer } from '../case.ts'

const INVALIDATION = 'RFC 9111 §4.4'

/** LINK is in no standard any more: whoever does not know it has to take it for unsafe (RFC 9110 §9.2.1). */
export const ALL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'LINK']
const route = { methods: ALL_METHODS }

const UNSAFE = ['POST', 'PUT', 'DELETE', 'PATCH', 'LINK']
const SUCCESSES = [200, 201, 202, 204, 299, 301, 302, 303]
const ERRORS = [400, 403, 404, 409, 500, 503]

const answers = (status: number, fields: Fields = {}): OriginAnswer => ({
  status,
  fields: { 'Cache-Control': 'no-store', ...fields },
  ...(status === 204 && { body: '' }),
})

const unsafe = (method: string, answer: OriginAnswer, more: Partial<Exchange> = {}): Exchange => ({
  method,
  content: 'something new',
  answer,
  ...more,
  expect: { asked: 1, status: answer.status ?? 200, origin: { method, content: 'something new' } },
})

/** An unsafe request to one URI whose answer names another one, which is stored. */
function naming(
  facts: Pick<Case, 'id' | 'kind' | 'section' | 'what'>,
  fields: Fields,
  isInvalidated: boolean,
  status = 200,
  path = '/other',
): Case {
  return {
    ...facts,
    route,
    requests: [
      { path, answer: { fields: FRESH } },
      { path, isSetup: true, expect: { asked: false } },
      unsafe('POST', answers(status, fields)),
      { path, expect: isInvalidated ? { asked: true, bodyOf: 3 } : { asked: false, bodyOf: 0 } },
    ],
  }
}

export const invalidation: readonly Case[] = [
  ...UNSAFE.map(
    (method): Case => ({
      id: `invalidated-by-${method.toLowerCase()}`,
      kind: 'required',
      section: INVALIDATION,
      what: `a successful ${method} invalidates what is stored for its target`,
      route,
      requests: [{ answer: { fields: FRESH } }, unsafe(method, answers(200)), { expect: { asked: true, bodyOf: 2 } }],
    }),
  ),
  ...SUCCESSES.map(
    (status): Case => ({
      id: `invalidated-by-${status}`,
      kind: 'required',
      section: INVALIDATION,
      what: `an unsafe request that is answered with ${status} has succeeded`,
      route,
      requests: [
        { answer: { fields: FRESH } },
        unsafe('POST', answers(status)),
        { expect: { asked: true, bodyOf: 2 } },
      ],
    }),
  ),
  ...ERRORS.map(
    (status): Case => ({
      id: `not-invalidated-by-${status}`,
      kind: 'optimal',
      section: INVALIDATION,
      what: `an unsafe request that is answered with ${status} has changed nothing`,
      route,
      requests: [
        { answer: { fields: FRESH } },
        unsafe('POST', answers(status)),
        { expect: { asked: false, bodyOf: 0 } },
      ],
    }),
  ),
  ...UNSAFE.map(
    (method): Case => ({
      id: `written-through-${method.toLowerCase()}`,
      kind: 'required',
      section: 'RFC 9111 §4',
      what: `a cache writes ${method} through to the origin, whatever is stored`,
      route,
      requests: [
        { answer: { fields: FRESH } },
        {
          ...unsafe(method, answers(200)),
          expect: { asked: 1, bodyOf: 1, origin: { method, path: '', content: 'something new' } },
        },
        { ...unsafe(method, answers(200)), expect: { asked: 1, bodyOf: 2, origin: { method } } },
      ],
    }),
  ),
  ...UNSAFE.map(
    (method): Case => ({
      id: `never-stored-${method.toLowerCase()}`,
      kind: 'required',
      section: 'RFC 9110 §9.2.3',
      what: `an answer to ${method} is not used again, neither for ${method} nor for GET`,
      route,
      requests: [
        { method, content: 'x', answer: { fields: FRESH } },
        { method, content: 'x', answer: { fields: FRESH }, expect: { asked: 1, bodyOf: 1 } },
        { expect: { asked: true, bodyOf: 2 } },
      ],
    }),
  ),
  {
    id: 'invalidated-all-variants',
    kind: 'required',
    section: INVALIDATION,
    what: 'all answers that are stored for the target are invalidated',
    route,
    requests: [
      { fields: { 'X-Kind': '1' }, answer: { fields: { ...FRESH, Vary: 'X-Kind' } } },
      { fields: { 'X-Kind': '2' }, answer: { fields: { ...FRESH, Vary: 'X-Kind' } } },
      unsafe('POST', answers(200), { fields: { 'X-Kind': '2' } }),
      {
        fields: { 'X-Kind': '1' },
        answer: { fields: { ...FRESH, Vary: 'X-Kind' } },
        expect: { asked: true, bodyOf: 3 },
      },
      { fields: { 'X-Kind': '2' }, expect: { asked: true, bodyOf: 4 } },
    ],
  },
  {
    id: 'invalidated-then-stored-again',
    kind: 'optimal',
    section: INVALIDATION,
    what: 'what comes after the invalidation is stored again',
    route,
    requests: [
      { answer: { fields: FRESH } },
      unsafe('PUT', answers(204)),
      { answer: { fields: FRESH }, expect: { asked: true, bodyOf: 2 } },
      { expect: { asked: false, bodyOf: 2 } },
    ],
  },
  {
    id: 'invalidated-other-query-stays',
    kind: 'optimal',
    section: INVALIDATION,
    what: 'another query is another URI, and stays',
    route,
    requests: [
      { path: '?a=1', answer: { fields: FRESH } },
      unsafe('POST', answers(200), { path: '?a=2' }),
      { path: '?a=1', expect: { asked: false, bodyOf: 0 } },
    ],
  },
  naming(
    {
      id: 'invalidated-by-location',
      kind: 'optimal',
      section: INVALIDATION,
      what: 'the URI in Location may be invalidated as well',
    },
    { Location: '{base}/other' },
    true,
    201,
  ),
  naming(
    {
      id: 'invalidated-by-content-location',
      kind: 'optimal',
      section: INVALIDATION,
      what: 'the URI in Content-Location may be invalidated as well',
    },
    { 'Content-Location': '{base}/other' },
    true,
  ),
  naming(
    {
      id: 'invalidated-by-absolute-location',
      kind: 'optimal',
      section: INVALIDATION,
      what: 'Location may be absolute',
    },
    { Location: 'http://{authority}{base}/other' },
    true,
    201,
  ),
  naming(
    {
      id: 'invalidated-by-absolute-content-location',
      kind: 'optimal',
      section: INVALIDATION,
      what: 'Content-Location may be absolute',
    },
    { 'Content-Location': 'http://{authority}{base}/other' },
    true,
  ),
  naming(
    {
      id: 'invalidated-by-relative-location',
      kind: 'optimal',
      section: 'RFC 9110 §10.2.2',
      what: 'Location may be relative to the target',
    },
    { Location: 'invalidated-by-relative-location/other' },
    true,
    303,
  ),
  naming(
    {
      id: 'not-invalidated-elsewhere-location',
      kind: 'required',
      section: INVALIDATION,
      what: 'a Location of another host invalidates nothing',
    },
    { Location: 'http://elsewhere.example{base}/other' },
    false,
    201,
  ),
  naming(
    {
      id: 'not-invalidated-elsewhere-content-location',
      kind: 'required',
      section: INVALIDATION,
      what: 'a Content-Location of another host invalidates nothing',
    },
    { 'Content-Location': 'http://elsewhere.example{base}/other' },
    false,
  ),
  naming(
    {
      id: 'not-invalidated-other-port',
      kind: 'required',
      section: INVALIDATION,
      what: 'another port is another origin',
    },
    { 'Content-Location': 'http://127.0.0.1:1{base}/other' },
    false,
  ),
  naming(
    {
      id: 'not-invalidated-other-scheme',
      kind: 'required',
      section: INVALIDATION,
      what: 'another scheme is another origin',
    },
    { 'Content-Location': 'https://{authority}{base}/other' },
    false,
  ),
  naming(
    { id: 'not-invalidated-by-unnamed', kind: 'optimal', section: INVALIDATION, what: 'what is not named stays' },
    {},
    false,
  ),
]
