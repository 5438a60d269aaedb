/** Parts from the origin, and answers that were cut (RFC 9111 §3.3, §3.4). */
import { BRIEF, type Case, type Exchange, type Expectation, FRESH, LATER, type OriginAnswer } from '../case.ts'

const INCOMPLETE = 'RFC 9111 §3.3'
const COMBINING = 'RFC 9111 §3.4'
const DIGITS = '0123456789'
const LETTERS = 'abcdefghij'

const knowing = (tag: string, body: string): OriginAnswer => ({
  fields: { ...FRESH, ETag: tag, 'Accept-Ranges': 'bytes' },
  body,
  evaluates: true,
})

const digits = knowing('"a"', DIGITS)
const letters = knowing('"b"', LETTERS)

/** An origin that sends the first five bytes, whatever it was asked. */
const firstHalf: OriginAnswer = {
  status: 206,
  fields: { ...FRESH, ETag: '"a"', 'Content-Range': 'bytes 0-4/10' },
  body: '01234',
}

const range = (bytes: string): Pick<Exchange, 'fields'> => ({ fields: { Range: `bytes=${bytes}` } })

/** A cache may have taken more than it was asked for, and have the whole: then the origin's new one is not its concern. */
const ALL_OF_ONE: Expectation = { status: 200, ifReused: { body: DIGITS }, ifAsked: { body: LETTERS } }

const isPart = (bytes: string, contentRange: string): Expectation => ({
  status: 206,
  body: bytes,
  fields: { 'Content-Range': `bytes ${contentRange}/10` },
})

const cut = (id: string, what: string, answer: OriginAnswer): Case => ({
  id,
  kind: 'required',
  section: INCOMPLETE,
  what,
  requests: [
    { answer: { body: DIGITS, ...answer }, expect: { bodyIfWhole: 0 } },
    { answer: { body: DIGITS, fields: FRESH }, expect: { status: 200, body: DIGITS } },
  ],
})

export const partial: readonly Case[] = [
  {
    id: 'part-is-not-the-whole',
    kind: 'required',
    section: INCOMPLETE,
    what: 'a stored part is no answer to a request for the whole',
    requests: [
      { ...range('0-4'), answer: digits },
      { answer: digits, expect: { status: 200, body: DIGITS, fields: { 'Content-Range': false } } },
    ],
  },
  {
    id: 'part-is-not-another-part',
    kind: 'required',
    section: INCOMPLETE,
    what: 'a stored part is no answer to a request for bytes it does not have',
    requests: [
      { ...range('0-4'), answer: digits },
      { ...range('3-7'), answer: digits, expect: { ifStatus: { 206: isPart('34567', '3-7'), 200: { body: DIGITS } } } },
    ],
  },
  {
    id: 'part-again',
    kind: 'optimal',
    section: INCOMPLETE,
    what: 'a stored part answers a request for the same bytes',
    requests: [
      { ...range('0-4'), answer: digits },
      { ...range('0-4'), expect: { asked: false, ...isPart('01234', '0-4') } },
    ],
  },
  {
    id: 'part-of-a-part',
    kind: 'optimal',
    section: INCOMPLETE,
    what: 'a stored part answers a request for some of its bytes',
    requests: [
      { ...range('2-7'), answer: digits },
      { ...range('3-5'), expect: { asked: false, ...isPart('345', '3-5') } },
    ],
  },
  {
    id: 'part-suffix-of-a-part',
    kind: 'optimal',
    section: INCOMPLETE,
    what: 'a stored part that reaches to the end answers a request for the last bytes',
    requests: [
      { ...range('5-'), answer: digits },
      { ...range('-2'), expect: { asked: false, ...isPart('89', '8-9') } },
    ],
  },
  {
    id: 'part-completed',
    kind: 'optimal',
    section: COMBINING,
    what: 'what is missing from a stored part is asked for, and the whole is the answer',
    requests: [
      { ...range('0-4'), answer: digits },
      {
        answer: digits,
        expect: { status: 200, body: DIGITS, ifAsked: { origin: { fields: { Range: /^bytes=5-9?$/ } } } },
      },
      { expect: { asked: false, body: DIGITS } },
    ],
  },
  {
    id: 'part-completed-of-another',
    kind: 'required',
    section: COMBINING,
    what: 'parts with different strong validators are never combined',
    requests: [
      { ...range('0-4'), answer: digits },
      { answer: letters, expect: ALL_OF_ONE },
    ],
  },
  {
    id: 'part-completed-of-weak',
    kind: 'required',
    section: COMBINING,
    what: 'parts with weak validators are never combined',
    requests: [
      { ...range('0-4'), answer: knowing('W/"a"', DIGITS) },
      { answer: knowing('W/"a"', LETTERS), expect: ALL_OF_ONE },
    ],
  },
  {
    id: 'part-completed-without-validator',
    kind: 'required',
    section: COMBINING,
    what: 'parts without validators are never combined',
    requests: [
      { ...range('0-4'), answer: { fields: FRESH, body: DIGITS, evaluates: true } },
      { answer: { fields: FRESH, body: LETTERS, evaluates: true }, expect: ALL_OF_ONE },
    ],
  },
  {
    id: 'part-stale',
    kind: 'required',
    section: 'RFC 9111 §4.2.4',
    what: 'a stored part is stale like anything else',
    requests: [
      { ...range('0-4'), answer: { ...digits, fields: { ...BRIEF, ETag: '"a"' } } },
      {
        ...range('0-4'),
        advance: LATER,
        answer: letters,
        expect: { asked: true, ifStatus: { 206: isPart('abcde', '0-4'), 200: { body: LETTERS } } },
      },
    ],
  },
  {
    id: 'part-no-store',
    kind: 'required',
    section: 'RFC 9111 §3',
    what: 'a part that may not be stored is not',
    requests: [
      { ...range('0-4'), answer: { ...digits, fields: { 'Cache-Control': 'no-store', ETag: '"a"' } } },
      {
        ...range('0-4'),
        answer: letters,
        expect: { asked: true, ifStatus: { 206: isPart('abcde', '0-4'), 200: { body: LETTERS } } },
      },
    ],
  },
  {
    id: 'part-nobody-asked-for',
    kind: 'required',
    section: INCOMPLETE,
    what: 'a 206 to a request without Range is never stored as the whole',
    requests: [{ answer: firstHalf }, { answer: digits, expect: { status: 200, body: DIGITS } }],
  },
  {
    id: 'range-ignored-by-origin',
    kind: 'required',
    section: 'RFC 9110 §14.2',
    what: 'where the origin ignores Range, the client gets the whole, or its part',
    requests: [
      {
        ...range('0-4'),
        answer: { fields: FRESH, body: DIGITS },
        expect: { status: [200, 206], ifStatus: { 200: { body: DIGITS }, 206: isPart('01234', '0-4') } },
      },
    ],
  },
  {
    id: 'range-ignored-by-origin-stored',
    kind: 'optimal',
    section: 'RFC 9111 §3',
    what: 'where the origin ignores Range, its whole answer is stored as that',
    requests: [
      { ...range('0-4'), answer: { fields: FRESH, body: DIGITS } },
      { expect: { asked: false, status: 200, body: DIGITS } },
    ],
  },
  cut('cut-by-length', 'an answer shorter than its Content-Length is not stored as whole', {
    fields: FRESH,
    failure: 5,
  }),
  cut('cut-of-chunks', 'an answer without its last chunk is not stored as whole', {
    fields: FRESH,
    framing: 'chunked',
    failure: 5,
  }),
  cut('cut-at-the-start', 'an answer without a byte of its body is not stored as whole', { fields: FRESH, failure: 0 }),
  {
    id: 'whole-of-chunks',
    kind: 'optimal',
    section: 'RFC 9111 §3',
    what: 'a chunked answer is stored',
    requests: [
      { answer: { fields: FRESH, framing: 'chunked' }, expect: { bodyOf: 0 } },
      { expect: { asked: false, bodyOf: 0 } },
    ],
  },
  {
    id: 'whole-to-the-end-of-connection',
    kind: 'optimal',
    section: 'RFC 9112 §8',
    what: 'an answer that ends with its connection is whole, and stored',
    requests: [
      { answer: { fields: FRESH, framing: 'close' }, expect: { bodyOf: 0 } },
      { expect: { asked: false, bodyOf: 0 } },
    ],
  },
  {
    id: 'whole-of-nothing',
    kind: 'optimal',
    section: 'RFC 9111 §3',
    what: 'an empty answer is stored',
    requests: [
      { answer: { fields: FRESH, body: '' }, expect: { body: '' } },
      { expect: { asked: false, status: 200, body: '' } },
    ],
  },
]
