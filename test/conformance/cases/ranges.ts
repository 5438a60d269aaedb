/** Parts out of a stored whole (RFC 9110 §14). */
import { type Case, type Expectation, type Fields, FRESH, type OriginAnswer } from '../case.ts'

const RANGE = 'RFC 9110 §14.2'
const BYTES = 'RFC 9110 §14.1.2'
const IF_RANGE = 'RFC 9110 §13.1.5'
const DIGITS = '0123456789'
const MODIFIED = '{t0-100000}'

/** id, the range asked for, the bytes, where they are. */
const SINGLE: readonly (readonly [id: string, range: string, bytes: string, contentRange: string])[] = [
  ['first-byte', 'bytes=0-0', '0', '0-0'],
  ['first-two', 'bytes=0-1', '01', '0-1'],
  ['middle', 'bytes=3-6', '3456', '3-6'],
  ['last-byte', 'bytes=9-9', '9', '9-9'],
  ['open', 'bytes=4-', '456789', '4-9'],
  ['open-from-start', 'bytes=0-', DIGITS, '0-9'],
  ['suffix', 'bytes=-3', '789', '7-9'],
  ['suffix-longer-than-all', 'bytes=-100', DIGITS, '0-9'],
  ['end-beyond', 'bytes=5-100', '56789', '5-9'],
  ['end-far-beyond', 'bytes=5-99999999999999999999', '56789', '5-9'],
  ['unit-case', 'BYTES=0-1', '01', '0-1'],
  ['leading-zeros', 'bytes=0000-0001', '01', '0-1'],
]

const UNSATISFIABLE: readonly (readonly [id: string, range: string])[] = [
  ['behind-the-end', 'bytes=10-'],
  ['far-behind', 'bytes=100-200'],
  ['empty-suffix', 'bytes=-0'],
  ['all-of-several', 'bytes=10-, 20-30'],
]

/** Not understood, or not about this: the whole is the answer. */
const IGNORED: readonly (readonly [id: string, kind: Case['kind'], what: string, fields: Fields, method?: 'HEAD'])[] = [
  ['unknown-unit', 'optimal', 'a unit that is not known is ignored', { Range: 'lines=0-1' }],
  ['of-head', 'required', 'Range means something for GET only', { Range: 'bytes=0-1' }, 'HEAD'],
]

const stored: OriginAnswer = {
  fields: { ...FRESH, ETag: '"a"', 'Last-Modified': MODIFIED },
  body: DIGITS,
  evaluates: true,
}

interface Facts {
  readonly id: string
  readonly kind: Case['kind']
  readonly section: string
  readonly what: string
}

function asked(facts: Facts, fields: Fields, expect: Expectation, method = 'GET', answer = stored): Case {
  return { ...facts, requests: [{ answer }, { method, fields, answer, expect }] }
}

const part = (bytes: string, contentRange: string): Expectation => ({
  status: 206,
  body: bytes,
  fields: { 'Content-Range': `bytes ${contentRange}/10`, 'Content-Length': String(bytes.length) },
})

const WHOLE: Expectation = { status: 200, body: DIGITS, fields: { 'Content-Range': false } }

const ifRange = (
  id: string,
  what: string,
  value: string,
  expect: Expectation,
  kind: Case['kind'],
  answer = stored,
): Case =>
  asked(
    { id: `if-range-${id}`, kind, section: IF_RANGE, what },
    { Range: 'bytes=0-1', 'If-Range': value },
    expect,
    'GET',
    answer,
  )

const weak: OriginAnswer = { fields: { ...FRESH, ETag: 'W/"a"' }, body: DIGITS, evaluates: true }

export const ranges: readonly Case[] = [
  ...SINGLE.map(([id, range, bytes, contentRange]) =>
    asked(
      {
        id: `range-${id}`,
        kind: 'optimal',
        section: BYTES,
        what: `${range} of ten stored bytes is bytes ${contentRange}`,
      },
      { Range: range },
      { asked: false, ...part(bytes, contentRange) },
    ),
  ),
  ...SINGLE.map(
    ([id, range, bytes, contentRange]): Case => ({
      id: `range-first-${id}`,
      kind: 'required',
      section: RANGE,
      what: `${range} of what is not stored is that part, or the whole, and nothing else`,
      requests: [
        {
          fields: { Range: range },
          answer: stored,
          expect: { status: [200, 206], ifStatus: { 200: { body: DIGITS }, 206: part(bytes, contentRange) } },
        },
      ],
    }),
  ),
  ...UNSATISFIABLE.map(([id, range]) =>
    asked(
      {
        id: `range-unsatisfiable-${id}`,
        kind: 'optimal',
        section: 'RFC 9110 §15.5.17',
        what: `${range} of ten bytes is 416 with their number`,
      },
      { Range: range },
      { asked: false, status: 416, fields: { 'Content-Range': 'bytes */10' } },
    ),
  ),
  ...IGNORED.map(([id, kind, what, fields, method]) =>
    asked(
      { id: `range-ignored-${id}`, kind, section: RANGE, what },
      fields,
      { status: 200, fields: { 'Content-Range': false } },
      method,
    ),
  ),
  asked(
    { id: 'range-several', kind: 'optimal', section: 'RFC 9110 §14.6', what: 'several ranges are several parts' },
    { Range: 'bytes=0-1, 5-6' },
    {
      asked: false,
      status: 206,
      fields: { 'Content-Type': /^multipart\/byteranges; ?boundary=/, 'Content-Range': false },
      body: /Content-Range: bytes 0-1\/10\r\n\r\n01\r\n[\s\S]*Content-Range: bytes 5-6\/10\r\n\r\n56\r\n/i,
    },
  ),
  asked(
    {
      id: 'range-several-one-satisfiable',
      kind: 'optimal',
      section: BYTES,
      what: 'one range that can be satisfied is enough',
    },
    { Range: 'bytes=2-4, 20-30' },
    { asked: false, status: [200, 206], ifStatus: { 206: { body: /234/ } } },
  ),
  asked(
    {
      id: 'range-many-overlapping',
      kind: 'required',
      section: 'RFC 9110 §17.15',
      what: 'many overlapping ranges do not make an answer much larger than the whole',
    },
    { Range: `bytes=${Array(400).fill('0-').join(',')}` },
    { status: [200, 206, 400, 416, 431], body: /^[\s\S]{0,2000}$/ },
  ),
  asked(
    {
      id: 'range-backwards',
      kind: 'required',
      section: 'RFC 9110 §14.1.1',
      what: 'a range whose end is before its start is invalid: it gets the whole or an error, and no part',
    },
    { Range: 'bytes=5-2' },
    { status: [200, 400, 416] },
  ),
  asked(
    {
      id: 'range-no-number',
      kind: 'required',
      section: 'RFC 9110 §14.1.1',
      what: 'a range without numbers is invalid: it gets the whole or an error, and no part',
    },
    { Range: 'bytes=a-b' },
    { status: [200, 400, 416] },
  ),
  asked(
    { id: 'range-accepted', kind: 'optimal', section: 'RFC 9110 §14.3', what: 'a cache that answers ranges says so' },
    {},
    { fields: { 'Accept-Ranges': 'bytes' } },
  ),
  asked(
    {
      id: 'range-part-repeats-fields',
      kind: 'required',
      section: 'RFC 9110 §15.3.7',
      what: 'a 206 has Cache-Control, Date and ETag, as the 200 had',
    },
    { Range: 'bytes=0-1' },
    { ifStatus: { 206: { fields: { 'Cache-Control': 'max-age=3600', Date: true, ETag: '"a"' } } } },
  ),
  asked(
    { id: 'range-and-304', kind: 'optimal', section: 'RFC 9110 §13.2.2', what: 'preconditions come before Range' },
    { Range: 'bytes=0-1', 'If-None-Match': '"a"' },
    { status: 304, body: '' },
  ),
  asked(
    {
      id: 'range-and-other-tag',
      kind: 'optimal',
      section: 'RFC 9110 §13.2.2',
      what: 'where the precondition lets it, Range is answered',
    },
    { Range: 'bytes=0-1', 'If-None-Match': '"b"' },
    { asked: false, ...part('01', '0-1') },
  ),
  asked(
    { id: 'range-of-404', kind: 'required', section: RANGE, what: 'Range means nothing for an answer that is no 200' },
    { Range: 'bytes=0-1' },
    { status: 404, body: DIGITS },
    'GET',
    { status: 404, fields: FRESH, body: DIGITS },
  ),
  ifRange(
    'same-tag',
    'where the tag is the stored one, the part is the answer',
    '"a"',
    { asked: false, ...part('01', '0-1') },
    'optimal',
  ),
  ifRange('other-tag', 'where the tag is another one, Range is ignored', '"b"', WHOLE, 'required'),
  ifRange('weak-tag', 'a weak tag never makes a part', 'W/"a"', WHOLE, 'required'),
  ifRange('weak-stored', 'a stored weak tag never makes a part', 'W/"a"', WHOLE, 'required', weak),
  ifRange('weak-stored-strong-asked', 'a stored weak tag is not the strong one', '"a"', WHOLE, 'required', weak),
  ifRange(
    'same-date',
    'where the date is the stored one, the part is the answer',
    MODIFIED,
    { asked: false, ...part('01', '0-1') },
    'optimal',
  ),
  ifRange('earlier-date', 'where the date is another one, Range is ignored', '{t0-200000}', WHOLE, 'required'),
  ifRange('later-date', 'the date has to be the same, not only late enough', '{t0-50000}', WHOLE, 'required'),
  ifRange('list', 'a list of tags is not the stored tag', '"a", "b"', WHOLE, 'required'),
  ifRange('no-validator', 'what is neither tag nor date matches nothing', 'yes', WHOLE, 'required'),
]
