/** Answers that depend on request fields (RFC 9111 §4.1, RFC 9110 §12.5.5). */
import { type Case, type Fields, FRESH, notReused, reused } from '../case.ts'

const VARY = 'RFC 9111 §4.1'

const varyOn = (vary: string | readonly string[]) => ({ fields: { ...FRESH, Vary: vary } })

type Row = readonly [id: string, what: string, vary: string | readonly string[], first: Fields, second: Fields]

/** The second request does not match the stored answer. */
const MISMATCHES: readonly Row[] = [
  ['other-value', 'a request with another value does not match', 'X-Kind', { 'X-Kind': '1' }, { 'X-Kind': '2' }],
  ['absent-then-there', 'a field that was absent has to be absent again', 'X-Kind', {}, { 'X-Kind': '1' }],
  ['there-then-absent', 'a field that was there has to be there again', 'X-Kind', { 'X-Kind': '1' }, {}],
  ['absent-then-empty', 'an empty field is not an absent one', 'X-Kind', {}, { 'X-Kind': '' }],
  ['empty-then-absent', 'an absent field is not an empty one', 'X-Kind', { 'X-Kind': '' }, {}],
  [
    'second-of-two',
    'every field that is named has to match',
    'X-Kind, X-Size',
    { 'X-Kind': '1', 'X-Size': '1' },
    { 'X-Kind': '1', 'X-Size': '2' },
  ],
  [
    'first-of-two',
    'every field that is named has to match, the first included',
    'X-Kind, X-Size',
    { 'X-Kind': '1', 'X-Size': '1' },
    { 'X-Kind': '2', 'X-Size': '1' },
  ],
  [
    'two-lines',
    'several lines of Vary are one list',
    ['X-Kind', 'X-Size'],
    { 'X-Kind': '1', 'X-Size': '1' },
    { 'X-Kind': '1', 'X-Size': '2' },
  ],
  ['upper-case', 'fields are named without case', 'X-KIND', { 'x-kind': '1' }, { 'x-kind': '2' }],
  ['without-space', 'a list needs no white space', 'X-Kind,X-Size', { 'X-Size': '1' }, { 'X-Size': '2' }],
  ['empty-members', 'empty members of Vary are ignored', ', X-Kind,,', { 'X-Kind': '1' }, { 'X-Kind': '2' }],
  [
    'value-case',
    'values are compared with their case, unless it is known to mean nothing',
    'X-Kind',
    { 'X-Kind': 'a' },
    { 'X-Kind': 'A' },
  ],
  [
    'value-order',
    'the order of a list counts, unless it is known to mean nothing',
    'X-Kind',
    { 'X-Kind': 'a, b' },
    { 'X-Kind': 'b, a' },
  ],
  ['one-line-more', 'a second line is part of the value', 'X-Kind', { 'X-Kind': 'a' }, { 'X-Kind': ['a', 'b'] }],
  ['star', 'Vary: * never matches', '*', {}, {}],
  ['star-first', 'a * anywhere in the list never matches', '*, X-Kind', {}, {}],
  ['star-last', 'a * at the end of the list never matches', 'X-Kind, *', {}, {}],
  ['star-on-its-own-line', 'a * on another line never matches', ['X-Kind', '*'], {}, {}],
  [
    'star-and-same-field',
    'a * never matches, although the named field does',
    'X-Kind, *',
    { 'X-Kind': '1' },
    { 'X-Kind': '1' },
  ],
]

const MATCHES: readonly Row[] = [
  ['same-value', 'a request with the same value matches', 'X-Kind', { 'X-Kind': '1' }, { 'X-Kind': '1' }],
  ['absent-both-times', 'a field that is absent both times matches', 'X-Kind', {}, {}],
  [
    'same-two',
    'two fields with the same values match',
    'X-Kind, X-Size',
    { 'X-Kind': '1', 'X-Size': '2' },
    { 'X-Size': '2', 'X-Kind': '1' },
  ],
  [
    'other-field',
    'a field that is not named may differ',
    'X-Kind',
    { 'X-Kind': '1', 'X-Size': '1' },
    { 'X-Kind': '1', 'X-Size': '2' },
  ],
  ['name-case', 'names of request fields are matched without case', 'x-kind', { 'X-Kind': '1' }, { 'X-KIND': '1' }],
  ['space-around', 'white space around a value is no part of it', 'X-Kind', { 'X-Kind': '1' }, { 'X-Kind': '  1 ' }],
  ['lines-joined', 'two lines are the same as one list', 'X-Kind', { 'X-Kind': ['a', 'b'] }, { 'X-Kind': 'a, b' }],
  [
    'encoding-space',
    'white space in Accept-Encoding means nothing',
    'Accept-Encoding',
    { 'Accept-Encoding': 'gzip, br' },
    { 'Accept-Encoding': 'gzip,br' },
  ],
  [
    'encoding-case',
    'codings are named without case',
    'Accept-Encoding',
    { 'Accept-Encoding': 'gzip' },
    { 'Accept-Encoding': 'GZIP' },
  ],
  [
    'encoding-order',
    'the order of codings of one weight means nothing',
    'Accept-Encoding',
    { 'Accept-Encoding': 'gzip, br' },
    { 'Accept-Encoding': 'br, gzip' },
  ],
  [
    'encoding-weight',
    'a weight of 1 is the one that is not said',
    'Accept-Encoding',
    { 'Accept-Encoding': 'gzip' },
    { 'Accept-Encoding': 'gzip;q=1.0' },
  ],
  [
    'language-space',
    'white space in Accept-Language means nothing',
    'Accept-Language',
    { 'Accept-Language': 'en, de' },
    { 'Accept-Language': 'en,de' },
  ],
  [
    'language-case',
    'languages are named without case',
    'Accept-Language',
    { 'Accept-Language': 'en-GB' },
    { 'Accept-Language': 'EN-gb' },
  ],
  [
    'language-order',
    'the order of languages with weights means nothing',
    'Accept-Language',
    { 'Accept-Language': 'en;q=0.5, de' },
    { 'Accept-Language': 'de, en;q=0.5' },
  ],
]

/** Fields that servers vary on, with two values each. */
const FIELDS: readonly (readonly [name: string, one: string, other: string])[] = [
  ['Accept', 'text/html', 'application/json'],
  ['Accept-Encoding', 'gzip', 'br'],
  ['Accept-Language', 'en', 'de'],
  ['Cookie', 'user=1', 'user=2'],
  ['Origin', 'https://a.example', 'https://b.example'],
  ['Referer', 'https://a.example/', 'https://b.example/'],
  ['User-Agent', 'one/1.0', 'other/1.0'],
  ['Authorization', 'Basic YTph', 'Basic Yjpi'],
]

/** Dates tell whole seconds: so much later is later. */
const LATER_BY_DATE = 2

const kind = (value: string) => ({ fields: { 'X-Kind': value } })

export const vary: readonly Case[] = [
  ...MISMATCHES.map(([id, what, on, first, second]) =>
    notReused({
      id: `vary-${id}`,
      kind: 'required',
      section: VARY,
      what,
      answer: varyOn(on),
      first: { fields: first },
      second: { fields: second },
    }),
  ),
  ...MATCHES.map(([id, what, on, first, second]) =>
    reused({
      id: `vary-${id}`,
      kind: 'optimal',
      section: VARY,
      what,
      answer: varyOn(on),
      first: { fields: first },
      second: { fields: second },
    }),
  ),
  ...FIELDS.map(([name, one, other]) =>
    notReused({
      id: `vary-on-${name.toLowerCase()}`,
      kind: 'required',
      section: VARY,
      what: `an answer that varies on ${name} is not used for another value of it`,
      answer: { fields: { 'Cache-Control': 'public, max-age=3600', Vary: name } },
      first: { fields: { [name]: one } },
      second: { fields: { [name]: other } },
      expect: { origin: { fields: { [name]: other } } },
    }),
  ),
  notReused({
    id: 'vary-gzip-not-for-everyone',
    kind: 'required',
    section: VARY,
    what: 'a compressed answer that varies is not given to a client that did not ask for it',
    answer: { fields: { ...FRESH, Vary: 'Accept-Encoding', 'Content-Encoding': 'gzip' } },
    first: { fields: { 'Accept-Encoding': 'gzip' } },
    second: {},
    expect: { fields: { 'Content-Encoding': false } },
  }),
  {
    id: 'vary-side-by-side',
    kind: 'optimal',
    section: VARY,
    what: 'answers for several values are kept side by side',
    requests: [
      { ...kind('1'), answer: varyOn('X-Kind') },
      { ...kind('2'), answer: varyOn('X-Kind'), expect: { asked: true, bodyOf: 1 } },
      { ...kind('3'), answer: varyOn('X-Kind'), expect: { asked: true, bodyOf: 2 } },
      { ...kind('1'), expect: { asked: false, bodyOf: 0 } },
      { ...kind('2'), expect: { asked: false, bodyOf: 1 } },
      { ...kind('3'), expect: { asked: false, bodyOf: 2 } },
    ],
  },
  {
    id: 'vary-absent-beside-values',
    kind: 'optimal',
    section: VARY,
    what: 'an answer to a request without the field is kept beside the others',
    requests: [
      { answer: varyOn('X-Kind') },
      { ...kind('1'), answer: varyOn('X-Kind'), expect: { asked: true, bodyOf: 1 } },
      { expect: { asked: false, bodyOf: 0 } },
      { ...kind('1'), expect: { asked: false, bodyOf: 1 } },
    ],
  },
  {
    id: 'vary-most-recent',
    kind: 'required',
    section: 'RFC 9111 §4',
    what: 'of several stored answers that suit a request the most recent one is used',
    requests: [
      { ...kind('1'), answer: varyOn('X-Kind') },
      { ...kind('2'), advance: LATER_BY_DATE, answer: { fields: FRESH } },
      { ...kind('1'), expect: { ifReused: { bodyOf: 1 } } },
    ],
  },
  {
    id: 'vary-other-field-later',
    kind: 'required',
    section: VARY,
    what: 'each stored answer is matched by the Vary it came with',
    requests: [
      { fields: { 'X-Kind': '1', 'X-Size': '1' }, answer: varyOn('X-Kind') },
      { fields: { 'X-Kind': '2', 'X-Size': '1' }, answer: varyOn('X-Size') },
      { fields: { 'X-Kind': '2', 'X-Size': '2' }, expect: { asked: true, bodyOf: 2 } },
    ],
  },
  {
    id: 'vary-head-too',
    kind: 'required',
    section: VARY,
    what: 'HEAD is answered from a stored answer only where its fields match',
    requests: [
      { ...kind('1'), answer: { fields: { ...FRESH, Vary: 'X-Kind', 'X-For': '1' } } },
      {
        method: 'HEAD',
        ...kind('2'),
        answer: { fields: { ...FRESH, Vary: 'X-Kind', 'X-For': '2' } },
        expect: { fields: { 'X-For': '2' } },
      },
    ],
  },
  {
    id: 'vary-304-of-the-right-one',
    kind: 'required',
    section: 'RFC 9111 §4.3.2',
    what: 'a condition is held against the stored answer that matches the request',
    requests: [
      { ...kind('1'), answer: { fields: { ...FRESH, Vary: 'X-Kind', ETag: '"one"' } } },
      { ...kind('2'), answer: { fields: { ...FRESH, Vary: 'X-Kind', ETag: '"two"' } } },
      {
        fields: { 'X-Kind': '2', 'If-None-Match': '"one"' },
        answer: { fields: { ...FRESH, Vary: 'X-Kind', ETag: '"two"' }, evaluates: true, body: 'two again' },
        expect: { status: 200, ifReused: { bodyOf: 1 } },
      },
    ],
  },
  {
    id: 'vary-passed-on',
    kind: 'required',
    section: 'RFC 9110 §12.5.5',
    what: 'Vary itself goes to the client, whether from the origin or out of the store',
    requests: [
      { answer: varyOn('X-Kind, Accept'), expect: { fields: { Vary: /X-Kind.*Accept/ } } },
      { expect: { ifReused: { fields: { Vary: /X-Kind.*Accept/ } } } },
    ],
  },
]
