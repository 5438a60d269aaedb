/** CDN-Cache-Control (RFC 9213): a structured field that stands in place of Cache-Control and Expires. */
import { type Case, type Expectation, type Fields, LATER, notReused, reused } from '../case.ts'

const TARGETED = 'RFC 9213 §2.2'
const SYNTAX = 'RFC 9213 §2.1'

type Row = readonly [id: string, section: string, what: string, cdn: string | readonly string[], others: Fields]

const SHORT: Fields = { 'Cache-Control': 'max-age=1' }
const LONG: Fields = { 'Cache-Control': 'max-age=3600' }
const NEVER: Fields = { 'Cache-Control': 'no-store' }

const FRESH_THEN: readonly Row[] = [
  ['alone', TARGETED, 'it gives a lifetime by itself', 'max-age=3600', {}],
  ['over-short', TARGETED, 'it overrides a shorter Cache-Control', 'max-age=3600', SHORT],
  ['over-no-store', TARGETED, 'it overrides no-store', 'max-age=3600', NEVER],
  ['over-private', TARGETED, 'it overrides private', 'max-age=3600', { 'Cache-Control': 'private' }],
  ['over-no-cache', TARGETED, 'it overrides no-cache', 'max-age=3600', { 'Cache-Control': 'no-cache' }],
  ['over-s-maxage', TARGETED, 'it overrides s-maxage', 'max-age=3600', { 'Cache-Control': 's-maxage=1' }],
  ['over-expires', TARGETED, 'it overrides Expires', 'max-age=3600', { Expires: '{t0-3600}' }],
  ['s-maxage', SYNTAX, 's-maxage in it is what it is in Cache-Control', 's-maxage=3600, max-age=1', SHORT],
  ['parameters', SYNTAX, 'parameters of a directive are ignored', 'max-age=3600;x=1, public;y', SHORT],
  ['unknown-directive', SYNTAX, 'directives that are not known are ignored', 'max-age=3600, x-odd="no-store"', SHORT],
  ['lines', 'RFC 9651 §4.2', 'several lines are one dictionary', ['public', 'max-age=3600'], SHORT],
  [
    'last-of-two',
    'RFC 9651 §4.2.2',
    'of a key that is there twice the last one counts',
    'max-age=1, max-age=3600',
    NEVER,
  ],
  ['without-space', 'RFC 9651 §3.2', 'a dictionary needs no white space', 'public,max-age=3600', SHORT],
  ['false-no-store', SYNTAX, 'a directive that is false is not there', 'no-store=?0, max-age=3600', NEVER],
  ['true-written-out', SYNTAX, 'a boolean may be written out', 'public=?1, max-age=3600', NEVER],
  ['invalid-falls-back', TARGETED, 'an invalid field is ignored whole: Cache-Control counts', 'no-store, &', LONG],
  ['empty-falls-back', TARGETED, 'an empty field is ignored: Cache-Control counts', '', LONG],
]

const STALE_THEN: readonly Row[] = [
  ['short', TARGETED, 'it overrides a longer Cache-Control', 'max-age=1', LONG],
  ['short-over-expires', TARGETED, 'a short one overrides a late Expires', 'max-age=1', { Expires: '{t0+3600}' }],
  ['zero', TARGETED, 'max-age=0 in it is stale at once', 'max-age=0', LONG],
  ['negative', SYNTAX, 'a negative lifetime is no lifetime', 'max-age=-3600', { 'Cache-Control': 'max-age=0' }],
  ['no-store', TARGETED, 'no-store in it is not stored', 'no-store', LONG],
  ['no-store-beside-max-age', TARGETED, 'no-store in it counts beside max-age', 'max-age=3600, no-store', LONG],
  ['private', TARGETED, 'private in it is not stored', 'private, max-age=3600', LONG],
  ['no-cache', TARGETED, 'no-cache in it is not used without validation', 'no-cache, max-age=3600', LONG],
  ['s-maxage-short', SYNTAX, 'a short s-maxage in it overrides its max-age', 'max-age=3600, s-maxage=1', LONG],
  [
    'last-of-two-short',
    'RFC 9651 §4.2.2',
    'of a key that is there twice the last one counts, the short one',
    'max-age=3600, max-age=1',
    LONG,
  ],
  ['invalid-whole', TARGETED, 'an invalid field is ignored whole, its good part included', 'max-age=3600, &', SHORT],
  ['invalid-upper-case', 'RFC 9651 §3.1.2', 'a key in upper case makes the field invalid', 'MAX-AGE=3600', SHORT],
  ['invalid-trailing-comma', 'RFC 9651 §4.2.2', 'a comma at the end makes the field invalid', 'max-age=3600,', SHORT],
  ['invalid-empty-member', 'RFC 9651 §4.2.2', 'an empty member makes the field invalid', 'max-age=3600,,public', SHORT],
  [
    'invalid-no-value',
    'RFC 9651 §4.2.2',
    'a key without the value that = announces makes the field invalid',
    'max-age=',
    SHORT,
  ],
  [
    'invalid-open-quote',
    'RFC 9651 §4.2.5',
    'a quote that is not closed makes the field invalid',
    'max-age=3600, x="y',
    SHORT,
  ],
  [
    'invalid-long-number',
    'RFC 9651 §4.2.4',
    'a number of more than 15 digits makes the field invalid',
    'max-age=9999999999999999',
    SHORT,
  ],
  ['invalid-space-before-equals', 'RFC 9651 §4.2.2', 'space before = makes the field invalid', 'max-age =3600', SHORT],
  ['empty', TARGETED, 'an empty field is ignored, and a short Cache-Control counts', '', SHORT],
  ['age', 'RFC 9111 §4.2', 'Age counts against it', 'max-age=3600', { Age: '7200' }],
]

/** Directives whose value has another type than it should are ignored: there is no lifetime then. */
const OTHER_TYPES: readonly (readonly [id: string, value: string])[] = [
  ['string', 'max-age="3600"'],
  ['decimal', 'max-age=3600.0'],
  ['token', 'max-age=long'],
  ['boolean', 'max-age'],
  ['list', 'max-age=(3600)'],
]

const fieldsOf = (cdn: string | readonly string[], others: Fields): Fields => ({ 'CDN-Cache-Control': cdn, ...others })

/** It is stale, and the origin fails. */
const inTrouble = (id: string, what: string, cdn: string, others: Fields, expect: Expectation): Case => ({
  id: `cdn-${id}`,
  kind: 'required',
  section: TARGETED,
  what,
  requests: [
    { answer: { fields: fieldsOf(cdn, others) } },
    { advance: LATER, answer: { status: 503, fields: NEVER }, expect },
  ],
})

export const cdn: readonly Case[] = [
  ...FRESH_THEN.map(([id, section, what, value, others]) =>
    reused({
      id: `cdn-fresh-${id}`,
      kind: 'optimal',
      section,
      what,
      answer: { fields: fieldsOf(value, others) },
      second: { advance: LATER },
    }),
  ),
  ...STALE_THEN.map(([id, section, what, value, others]) =>
    notReused({
      id: `cdn-stale-${id}`,
      kind: 'required',
      section,
      what,
      answer: { fields: fieldsOf(value, others) },
      second: { advance: LATER },
    }),
  ),
  ...OTHER_TYPES.map(([id, value]) =>
    notReused({
      id: `cdn-type-${id}`,
      kind: 'required',
      section: SYNTAX,
      what: `a directive whose value has another type (${id}) is ignored`,
      answer: { fields: fieldsOf(`${value}, no-cache`, LONG) },
    }),
  ),
  inTrouble(
    'must-revalidate',
    'must-revalidate in it forbids stale answers',
    'max-age=1, must-revalidate',
    { 'Cache-Control': 'max-age=1, stale-if-error=3600' },
    { asked: true, status: [502, 503, 504] },
  ),
  {
    ...inTrouble(
      'stale-if-error',
      'stale-if-error in it permits stale answers',
      'max-age=1, stale-if-error=3600',
      SHORT,
      { status: 200, bodyOf: 0 },
    ),
    kind: 'optimal',
  },
  {
    id: 'cdn-cache-control-kept',
    kind: 'required',
    section: TARGETED,
    what: 'Cache-Control still goes to the client, as the origin wrote it',
    requests: [
      { answer: { fields: fieldsOf('max-age=3600', SHORT) }, expect: { fields: { 'Cache-Control': 'max-age=1' } } },
    ],
  },
]
