/** Stale answers, confirmed or replaced (RFC 9111 §4.3). */
import { BRIEF, type Case, type Exchange, FRESH, LATER, type OriginAnswer } from '../case.ts'

const SENDING = 'RFC 9111 §4.3.1'
const HANDLING = 'RFC 9111 §4.3.3'
const FRESHENING = 'RFC 9111 §4.3.4'
const MODIFIED = '{t0-1000}'

const tagged = (fields: Readonly<Record<string, string>> = BRIEF): OriginAnswer => ({
  fields: { ...fields, ETag: '"a"' },
  body: 'the same',
  evaluates: true,
})

const stale = (answer: OriginAnswer, expect: Exchange['expect'] = {}): Exchange => ({ advance: LATER, answer, expect })

/** Stored with a validator, stale, and confirmed by the origin: what then? */
function confirmed(
  facts: Pick<Case, 'id' | 'kind' | 'section' | 'what'>,
  confirmation: Readonly<Record<string, string>>,
  expect: Exchange['expect'],
  stored: Readonly<Record<string, string>> = BRIEF,
): Case {
  return {
    ...facts,
    requests: [
      { answer: tagged(stored) },
      stale(tagged(confirmation), { asked: true, status: 200, body: 'the same' }),
      { answer: { body: 'another', fields: FRESH }, ...(expect && { expect }) },
    ],
  }
}

const sends = (
  id: string,
  what: string,
  stored: Readonly<Record<string, string>>,
  fields: Readonly<Record<string, string>>,
): Case => ({
  id,
  kind: 'optimal',
  section: SENDING,
  what,
  requests: [
    { answer: { fields: { ...BRIEF, ...stored } } },
    { advance: LATER, answer: { fields: { ...BRIEF, ...stored }, evaluates: true }, expect: { origin: { fields } } },
  ],
})

export const validation: readonly Case[] = [
  sends(
    'validation-by-tag',
    'a stale answer is validated with its entity tag',
    { ETag: '"a"' },
    { 'If-None-Match': '"a"' },
  ),
  sends('validation-by-weak-tag', 'a weak tag is sent as it is', { ETag: 'W/"a"' }, { 'If-None-Match': 'W/"a"' }),
  sends(
    'validation-by-date',
    'a stale answer is validated with its Last-Modified',
    { 'Last-Modified': MODIFIED },
    { 'If-Modified-Since': MODIFIED },
  ),
  sends(
    'validation-by-both',
    'where it has both, both are sent',
    { ETag: '"a"', 'Last-Modified': MODIFIED },
    { 'If-None-Match': '"a"', 'If-Modified-Since': MODIFIED },
  ),
  sends(
    'validation-of-odd-date',
    'Last-Modified is sent back as it was written',
    { 'Last-Modified': '{t0-1000 rfc850}' },
    { 'If-Modified-Since': '{t0-1000 rfc850}' },
  ),
  {
    id: 'validation-answers-200',
    kind: 'required',
    section: HANDLING,
    what: "a 304 to the cache's own question is no answer for a client that has nothing",
    requests: [{ answer: tagged() }, stale(tagged(), { asked: true, status: 200, body: 'the same' })],
  },
  {
    id: 'validation-of-no-cache',
    kind: 'optimal',
    section: 'RFC 9111 §5.2.2.4',
    what: 'a no-cache answer is stored, and validated each time',
    requests: [
      { answer: tagged({ 'Cache-Control': 'no-cache' }) },
      {
        answer: tagged({ 'Cache-Control': 'no-cache' }),
        expect: { asked: 1, status: 200, body: 'the same', origin: { fields: { 'If-None-Match': '"a"' } } },
      },
      {
        answer: tagged({ 'Cache-Control': 'no-cache' }),
        expect: { asked: 1, status: 200, body: 'the same', origin: { fields: { 'If-None-Match': '"a"' } } },
      },
    ],
  },
  confirmed(
    {
      id: 'validation-new-lifetime',
      kind: 'optimal',
      section: FRESHENING,
      what: 'a 304 gives the stored answer its lifetime',
    },
    FRESH,
    { asked: false, body: 'the same' },
  ),
  confirmed(
    {
      id: 'validation-new-expires',
      kind: 'optimal',
      section: FRESHENING,
      what: 'a 304 gives the stored answer its Expires',
    },
    { Expires: '{now+3600}' },
    { asked: false, body: 'the same' },
    { Expires: '{t0+1}' },
  ),
  confirmed(
    {
      id: 'validation-old-lifetime-anew',
      kind: 'optimal',
      section: FRESHENING,
      what: 'with a 304 that has no lifetime the stored one begins anew',
    },
    {},
    { asked: false, body: 'the same' },
    { 'Cache-Control': 'max-age=2' },
  ),
  confirmed(
    {
      id: 'validation-updates-fields',
      kind: 'required',
      section: FRESHENING,
      what: 'the fields of a 304 replace the stored ones',
    },
    { ...FRESH, 'X-Edition': '2' },
    { ifReused: { fields: { 'X-Edition': '2', 'Cache-Control': 'max-age=3600' } } },
    { ...BRIEF, 'X-Edition': '1' },
  ),
  confirmed(
    {
      id: 'validation-adds-fields',
      kind: 'required',
      section: 'RFC 9111 §3.2',
      what: 'fields that only the 304 has are added',
    },
    { ...FRESH, 'X-New': 'yes' },
    { ifReused: { fields: { 'X-New': 'yes' } } },
  ),
  confirmed(
    {
      id: 'validation-keeps-fields',
      kind: 'required',
      section: 'RFC 9111 §3.2',
      what: 'fields that the 304 does not have stay',
    },
    FRESH,
    { ifReused: { fields: { 'X-Old': 'yes' } } },
    { ...BRIEF, 'X-Old': 'yes' },
  ),
  {
    id: 'validation-updates-at-once',
    kind: 'required',
    section: FRESHENING,
    what: 'the client whose request led to the 304 sees the new fields',
    requests: [
      { answer: tagged({ ...BRIEF, 'X-Edition': '1' }) },
      stale(tagged({ ...FRESH, 'X-Edition': '2' }), {
        ifStatus: { 200: { body: 'the same', fields: { 'X-Edition': '2' } } },
      }),
    ],
  },
  {
    id: 'validation-304-with-length',
    kind: 'required',
    section: 'RFC 9111 §3.2',
    what: 'a 304 never changes the stored Content-Length',
    requests: [
      { answer: { fields: { ...BRIEF, ETag: '"a"' }, body: 'ten bytes.' } },
      {
        advance: LATER,
        answer: { status: 304, fields: { ...FRESH, ETag: '"a"', 'Content-Length': '3' } },
        expect: { status: 200, body: 'ten bytes.' },
      },
      { answer: { body: 'ten bytes.' }, expect: { status: 200, body: 'ten bytes.' } },
    ],
  },
  {
    id: 'validation-replaced',
    kind: 'required',
    section: HANDLING,
    what: 'a full answer to a validation is the answer, and replaces the stored one',
    requests: [
      { answer: { fields: { ...BRIEF, ETag: '"a"' } } },
      {
        advance: LATER,
        answer: { fields: { ...FRESH, ETag: '"b"' }, evaluates: true },
        expect: { status: 200, bodyOf: 1, fields: { ETag: '"b"' } },
      },
      { expect: { ifReused: { bodyOf: 1, fields: { ETag: '"b"' } } } },
    ],
  },
  {
    id: 'validation-replaced-and-reused',
    kind: 'optimal',
    section: HANDLING,
    what: 'the full answer to a validation is stored',
    requests: [
      { answer: { fields: { ...BRIEF, ETag: '"a"' } } },
      { advance: LATER, answer: { fields: { ...FRESH, ETag: '"b"' }, evaluates: true }, expect: { bodyOf: 1 } },
      { expect: { asked: false, bodyOf: 1 } },
    ],
  },
  ...[404, 410, 403, 301].map(
    (status): Case => ({
      id: `validation-${status}`,
      kind: 'required',
      section: HANDLING,
      what: `where the origin answers a validation with ${status}, the stored answer is not the answer`,
      requests: [
        { answer: tagged() },
        { advance: LATER, answer: { status, fields: { 'Cache-Control': 'no-store' } }, expect: { status, bodyOf: 1 } },
      ],
    }),
  ),
  {
    id: 'validation-of-client-and-cache',
    kind: 'required',
    section: FRESHENING,
    what: "a 304 for the client's own tag does not confirm a stored answer with another one",
    requests: [
      { answer: { fields: { ...BRIEF, ETag: '"a"' }, body: 'old' } },
      {
        advance: LATER,
        fields: { 'If-None-Match': '"b"' },
        answer: { fields: { ...FRESH, ETag: '"b"' }, body: 'new', evaluates: true },
        expect: { status: [200, 304], ifStatus: { 200: { body: 'new' } } },
      },
      {
        answer: { fields: { ...FRESH, ETag: '"b"' }, body: 'new', evaluates: true },
        expect: { status: 200, body: 'new' },
      },
    ],
  },
  {
    id: 'validation-client-has-it',
    kind: 'optimal',
    section: HANDLING,
    what: 'a client that has what the origin has gets 304, although the store had something else',
    requests: [
      { answer: { fields: { ...BRIEF, ETag: '"a"' }, body: 'old' } },
      {
        advance: LATER,
        fields: { 'If-None-Match': '"b"' },
        answer: { fields: { ...FRESH, ETag: '"b"' }, body: 'new', evaluates: true },
        expect: { status: 304 },
      },
    ],
  },
  {
    id: 'validation-client-and-cache-agree',
    kind: 'optimal',
    section: HANDLING,
    what: 'a client that has the stored answer gets 304 once it is confirmed',
    requests: [
      { answer: tagged() },
      { advance: LATER, fields: { 'If-None-Match': '"a"' }, answer: tagged(FRESH), expect: { asked: 1, status: 304 } },
      { expect: { asked: false, body: 'the same' } },
    ],
  },
  {
    id: 'validation-collapsed',
    kind: 'optimal',
    section: 'RFC 9111 §4',
    what: 'one validation serves all who wait for it',
    requests: [
      { answer: tagged() },
      { advance: LATER, together: 5, answer: tagged(FRESH), expect: { asked: 1, status: 200, body: 'the same' } },
    ],
  },
]
