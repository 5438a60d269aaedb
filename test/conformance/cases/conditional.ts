/** Conditions of clients, held against what is stored (RFC 9110 §13, RFC 9111 §4.3.2). */
import { type Case, type Expectation, type Fields, FRESH } from '../case.ts'

const INM = 'RFC 9110 §13.1.2'
const IMS = 'RFC 9110 §13.1.3'
const CACHED = 'RFC 9111 §4.3.2'
const MODIFIED = '{t0-1000}'

interface Row {
  readonly id: string
  readonly section: string
  readonly what: string
  /** Of the stored answer, beside its lifetime. */
  readonly stored: Fields
  readonly asked: Fields
}

const tagged = (tag: string): Fields => ({ ETag: tag })
const dated: Fields = { 'Last-Modified': MODIFIED }

const none = (id: string, what: string, stored: string, asked: string | readonly string[]): Row => ({
  id,
  section: INM,
  what,
  stored: tagged(stored),
  asked: { 'If-None-Match': asked },
})

const NOT_MODIFIED: readonly Row[] = [
  none('inm-same', 'a stored answer with the tag the client has is 304', '"a"', '"a"'),
  none('inm-weak-stored', 'tags are compared weakly: the stored one is weak', 'W/"a"', '"a"'),
  none('inm-weak-asked', 'tags are compared weakly: the one asked for is weak', '"a"', 'W/"a"'),
  none('inm-weak-both', 'tags are compared weakly: both are weak', 'W/"a"', 'W/"a"'),
  none('inm-list', 'one tag of a list is enough', '"b"', '"a", "b", "c"'),
  none('inm-list-without-space', 'a list of tags needs no white space', '"b"', '"a","b"'),
  none('inm-lines', 'several lines are one list', '"b"', ['"a"', '"b"']),
  none('inm-star', '* stands for any stored answer', '"a"', '*'),
  none('inm-comma', 'a comma inside a tag is part of it', '"a,b"', '"a,b"'),
  none('inm-empty-tag', 'an empty tag is a tag', '""', '""'),
  none('inm-empty-members', 'empty members of the list are ignored', '"a"', ', ,"a",'),
  {
    id: 'ims-same',
    section: IMS,
    what: 'not modified since its own Last-Modified is 304',
    stored: dated,
    asked: { 'If-Modified-Since': MODIFIED },
  },
  {
    id: 'ims-later',
    section: IMS,
    what: 'not modified since a later moment is 304',
    stored: dated,
    asked: { 'If-Modified-Since': '{t0-500}' },
  },
  {
    id: 'ims-rfc850',
    section: IMS,
    what: 'the date may have the RFC 850 form',
    stored: dated,
    asked: { 'If-Modified-Since': '{t0-1000 rfc850}' },
  },
  {
    id: 'ims-asctime',
    section: IMS,
    what: 'the date may have the asctime form',
    stored: dated,
    asked: { 'If-Modified-Since': '{t0-1000 asctime}' },
  },
  {
    id: 'ims-by-date',
    section: CACHED,
    what: 'without Last-Modified the stored Date is what counts',
    stored: { Date: MODIFIED },
    asked: { 'If-Modified-Since': '{t0-500}' },
  },
  {
    id: 'inm-over-ims',
    section: IMS,
    what: 'where If-None-Match holds the tag, an older date means nothing',
    stored: { ...tagged('"a"'), ...dated },
    asked: { 'If-None-Match': '"a"', 'If-Modified-Since': '{t0-2000}' },
  },
]

const MODIFIED_SINCE: readonly Row[] = [
  none('inm-other', 'another tag is no 304', '"a"', '"b"'),
  none('inm-part', 'a tag that only begins alike is another', '"a"', '"ab"'),
  none('inm-case', 'tags are compared with their case', '"a"', '"A"'),
  none('inm-comma-inside', 'a tag with a comma is not two tags', '"b"', '"a,b"'),
  {
    id: 'inm-without-etag',
    section: INM,
    what: 'without an ETag no tag matches',
    stored: dated,
    asked: { 'If-None-Match': '"a"' },
  },
  {
    id: 'inm-other-over-ims',
    section: IMS,
    what: 'If-Modified-Since is ignored where If-None-Match is there',
    stored: { ...tagged('"a"'), ...dated },
    asked: { 'If-None-Match': '"b"', 'If-Modified-Since': MODIFIED },
  },
  {
    id: 'ims-earlier',
    section: IMS,
    what: 'modified since an earlier moment is no 304',
    stored: dated,
    asked: { 'If-Modified-Since': '{t0-2000}' },
  },
  {
    id: 'ims-invalid',
    section: IMS,
    what: 'an If-Modified-Since that is no date is ignored',
    stored: dated,
    asked: { 'If-Modified-Since': 'yesterday' },
  },
  {
    id: 'ims-number',
    section: IMS,
    what: 'a number is no date',
    stored: dated,
    asked: { 'If-Modified-Since': '99999999999' },
  },
]

/** Preconditions of the client that a cache may hold against what it has. */
const HOLDING: readonly (readonly [id: string, stored: Fields, asked: Fields])[] = [
  ['im-same', tagged('"a"'), { 'If-Match': '"a"' }],
  ['im-list', tagged('"a"'), { 'If-Match': '"x", "a"' }],
  ['im-star', tagged('"a"'), { 'If-Match': '*' }],
  ['ius-same', dated, { 'If-Unmodified-Since': MODIFIED }],
  ['ius-later', dated, { 'If-Unmodified-Since': '{t0-500}' }],
  ['ius-invalid', dated, { 'If-Unmodified-Since': 'yesterday' }],
  ['im-over-ius', { ...tagged('"a"'), ...dated }, { 'If-Match': '"a"', 'If-Unmodified-Since': '{t0-2000}' }],
]

const FAILING: readonly (readonly [id: string, stored: Fields, asked: Fields])[] = [
  ['im-other', tagged('"a"'), { 'If-Match': '"b"' }],
  ['im-weak-stored', tagged('W/"a"'), { 'If-Match': 'W/"a"' }],
  ['im-weak-asked', tagged('"a"'), { 'If-Match': 'W/"a"' }],
  ['ius-earlier', dated, { 'If-Unmodified-Since': '{t0-2000}' }],
  ['im-before-inm', tagged('"a"'), { 'If-Match': '"b"', 'If-None-Match': '"a"' }],
]

/** Fields of a 200 that its 304 has to have, too (RFC 9110 §15.4.5). */
const REPEATED = {
  ETag: '"a"',
  'Content-Location': '/elsewhere',
  Expires: '{t0+7200}',
  Vary: 'X-Kind',
  Date: '{t0-5}',
}

/** The answer is stored, and then asked for again with conditions. */
function asked(
  facts: Pick<Case, 'id' | 'kind' | 'section' | 'what'>,
  stored: Fields,
  conditions: Fields,
  expect: Expectation,
  method = 'GET',
): Case {
  const answer = { fields: { ...FRESH, ...stored }, body: 'the same', evaluates: true } as const
  return { ...facts, requests: [{ answer }, { method, fields: conditions, answer, expect }] }
}

export const conditional: readonly Case[] = [
  ...NOT_MODIFIED.map(({ id, section, what, stored, asked: conditions }) =>
    asked({ id, kind: 'optimal', section, what }, stored, conditions, { asked: false, status: 304, body: '' }),
  ),
  ...MODIFIED_SINCE.map(({ id, section, what, stored, asked: conditions }) =>
    asked({ id, kind: 'required', section, what }, stored, conditions, { status: 200, body: 'the same' }),
  ),
  ...MODIFIED_SINCE.map(({ id, section, what, stored, asked: conditions }) =>
    asked(
      { id: `${id}-from-store`, kind: 'optimal', section, what: `${what}, and the store has the answer` },
      stored,
      conditions,
      {
        asked: false,
        status: 200,
        body: 'the same',
      },
    ),
  ),
  ...HOLDING.map(([id, stored, conditions]) =>
    asked(
      { id, kind: 'optimal', section: 'RFC 9110 §13.2.2', what: `a precondition that holds (${id}) changes nothing` },
      stored,
      conditions,
      { asked: false, status: 200, body: 'the same' },
    ),
  ),
  ...FAILING.map(([id, stored, conditions]) =>
    asked(
      { id, kind: 'optimal', section: 'RFC 9110 §13.2.2', what: `a precondition that does not hold (${id}) is 412` },
      stored,
      conditions,
      { status: 412 },
    ),
  ),
  asked(
    { id: 'inm-head', kind: 'optimal', section: INM, what: 'a condition counts for HEAD as for GET' },
    tagged('"a"'),
    { 'If-None-Match': '"a"' },
    { asked: false, status: 304 },
    'HEAD',
  ),
  asked(
    { id: 'ims-head', kind: 'optimal', section: IMS, what: 'a date counts for HEAD as for GET' },
    dated,
    { 'If-Modified-Since': MODIFIED },
    { asked: false, status: 304 },
    'HEAD',
  ),
  asked(
    {
      id: 'not-modified-repeats-fields',
      kind: 'required',
      section: 'RFC 9110 §15.4.5',
      what: 'a 304 has Cache-Control, Content-Location, Date, ETag, Expires and Vary, where the 200 had them',
    },
    REPEATED,
    { 'If-None-Match': '"a"' },
    { status: 304, ifReused: { fields: { ...REPEATED, Date: true, 'Cache-Control': 'max-age=3600' } } },
  ),
  {
    id: 'not-modified-has-no-content',
    kind: 'required',
    section: 'RFC 9110 §15.4.5',
    what: 'a 304 ends with its fields',
    requests: [
      { answer: { fields: { ...FRESH, ETag: '"a"' } } },
      {
        fields: { 'If-None-Match': '"a"' },
        answer: { fields: { ...FRESH, ETag: '"a"' }, evaluates: true },
        expect: { ifStatus: { 304: { body: '', fields: { 'Transfer-Encoding': false } } } },
      },
    ],
  },
  {
    id: 'conditional-first-request',
    kind: 'required',
    section: CACHED,
    what: 'a condition on what is not stored is answered as the origin would answer it',
    requests: [
      {
        fields: { 'If-None-Match': '"b"' },
        answer: { fields: { ...FRESH, ETag: '"a"' }, evaluates: true },
        expect: { asked: true, status: 200, bodyOf: 0 },
      },
    ],
  },
  {
    id: 'conditional-first-request-stored',
    kind: 'required',
    section: CACHED,
    what: 'a 304 to one client is no answer to another one that has nothing',
    requests: [
      {
        fields: { 'If-None-Match': '"a"' },
        answer: { fields: { ...FRESH, ETag: '"a"' }, body: 'whole', evaluates: true },
      },
      {
        answer: { fields: { ...FRESH, ETag: '"a"' }, body: 'whole', evaluates: true },
        expect: { status: 200, body: 'whole' },
      },
    ],
  },
]
