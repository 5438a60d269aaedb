/** What Cache-Control of an answer forbids and allows (RFC 9111 §5.2.2), and must-understand. */
import { type Case, FRESH, LATER, notReused, reused } from '../case.ts'

const NO_STORE = 'RFC 9111 §5.2.2.5'
const PRIVATE = 'RFC 9111 §5.2.2.7'
const NO_CACHE = 'RFC 9111 §5.2.2.4'

type Row = readonly [id: string, section: string, what: string, cacheControl: string | readonly string[]]

const NEVER_REUSED: readonly Row[] = [
  ['no-store', NO_STORE, 'no-store is not stored', 'no-store'],
  ['no-store-beside-max-age', NO_STORE, 'no-store counts beside max-age', 'no-store, max-age=3600'],
  ['no-store-after-max-age', NO_STORE, 'no-store counts wherever it stands', 'max-age=3600, no-store'],
  ['no-store-upper-case', 'RFC 9111 §5.2', 'directives are matched without case', 'max-age=3600, NO-STORE'],
  ['no-store-on-its-own-line', 'RFC 9110 §5.3', 'several lines are one list', ['max-age=3600', 'no-store']],
  [
    'no-store-first-line',
    'RFC 9110 §5.3',
    'several lines are one list, the first one included',
    ['no-store', 'max-age=3600'],
  ],
  ['no-store-beside-public', NO_STORE, 'public does not take no-store back', 'public, max-age=3600, no-store'],
  [
    'no-store-after-quoted',
    'RFC 9111 §5.2',
    'a quoted argument ends where its quote does',
    'x="a, b", no-store, max-age=3600',
  ],
  [
    'no-store-after-escaped-quote',
    'RFC 9110 §5.6.4',
    'an escaped quote does not end a quoted argument',
    'x="a\\"b", no-store, max-age=3600',
  ],
  ['no-store-without-space', 'RFC 9110 §5.6.1', 'a list needs no white space', 'max-age=3600,no-store'],
  ['no-store-after-empty-members', 'RFC 9110 §5.6.1.2', 'empty members are ignored', ', ,max-age=3600,, ,no-store,'],
  ['no-store-after-tab', 'RFC 9110 §5.6.1', 'a tab is white space in a list', 'max-age=3600,\tno-store'],
  ['private', PRIVATE, 'a shared cache does not store private', 'private'],
  ['private-beside-max-age', PRIVATE, 'private counts beside max-age', 'private, max-age=3600'],
  ['private-beside-s-maxage', PRIVATE, 'private counts beside s-maxage', 's-maxage=3600, private'],
  ['private-beside-public', PRIVATE, 'public does not take private back', 'public, private, max-age=3600'],
  ['private-mixed-case', 'RFC 9111 §5.2', 'private is matched without case', 'Private, Max-Age=3600'],
  ['private-own-line', 'RFC 9110 §5.3', 'private counts on a line of its own', ['max-age=3600', 'private']],
  ['no-cache', NO_CACHE, 'no-cache is not used without validation', 'no-cache'],
  ['no-cache-beside-max-age', NO_CACHE, 'no-cache counts beside max-age', 'no-cache, max-age=3600'],
  ['no-cache-beside-s-maxage', NO_CACHE, 'no-cache counts beside s-maxage', 's-maxage=3600, no-cache'],
  ['no-cache-mixed-case', 'RFC 9111 §5.2', 'no-cache is matched without case', 'Max-Age=3600, No-Cache'],
  ['no-cache-own-line', 'RFC 9110 §5.3', 'no-cache counts on a line of its own', ['max-age=3600', 'no-cache']],
  ['no-cache-beside-immutable', NO_CACHE, 'immutable does not take no-cache back', 'immutable, no-cache, max-age=3600'],
]

/** Whatever comes out of the store lacks the named field; a cache may also not reuse the answer at all. */
const QUALIFIED: readonly Row[] = [
  ['private-field', PRIVATE, 'a field that private names is not given to others', 'private="x-secret", max-age=3600'],
  ['private-fields', PRIVATE, 'private may name several fields', 'max-age=3600, private="x-other, x-secret"'],
  ['private-field-case', PRIVATE, 'fields are named without case', 'private="X-SECRET", max-age=3600'],
  ['private-field-token', PRIVATE, 'a single field may be named without quotes', 'private=x-secret, max-age=3600'],
  [
    'no-cache-field',
    NO_CACHE,
    'a field that no-cache names is not used without validation',
    'no-cache="x-secret", max-age=3600',
  ],
  ['no-cache-fields', NO_CACHE, 'no-cache may name several fields', 'max-age=3600, no-cache="x-other, x-secret"'],
  ['no-cache-field-token', NO_CACHE, 'a single field may be named without quotes', 'no-cache=x-secret, max-age=3600'],
]

const ALLOWED: readonly Row[] = [
  ['public', 'RFC 9111 §5.2.2.9', 'public allows storing', 'public, max-age=3600'],
  [
    'must-revalidate-fresh',
    'RFC 9111 §5.2.2.2',
    'must-revalidate says nothing about a fresh answer',
    'must-revalidate, max-age=3600',
  ],
  [
    'proxy-revalidate-fresh',
    'RFC 9111 §5.2.2.8',
    'proxy-revalidate says nothing about a fresh answer',
    'proxy-revalidate, max-age=3600',
  ],
  ['no-transform-fresh', 'RFC 9111 §5.2.2.6', 'no-transform says nothing about storing', 'no-transform, max-age=3600'],
  ['immutable-fresh', 'RFC 8246 §2', 'immutable leaves the lifetime as it is', 'immutable, max-age=3600'],
  ['unknown-directive', 'RFC 9111 §5.2.3', 'directives that are not known are ignored', 'x-unknown, max-age=3600'],
  ['unknown-directive-argument', 'RFC 9111 §5.2.3', 'so are their arguments', 'x-unknown=no-store, max-age=3600'],
  ['quoted-no-store', 'RFC 9111 §5.2', 'what is quoted is an argument and no directive', 'x="no-store", max-age=3600'],
  [
    'quoted-list-with-no-store',
    'RFC 9111 §5.2',
    'a comma in quotes ends no directive',
    'x="y, no-store, z", max-age=3600',
  ],
  [
    'quoted-escape-before-no-store',
    'RFC 9110 §5.6.4',
    'an escaped quote does not end the quotes',
    'x="\\", no-store, \\"", max-age=3600',
  ],
  [
    'longer-name',
    'RFC 9111 §5.2',
    'a directive whose name only begins like another is another',
    'no-stores, privately, max-age=3600',
  ],
  [
    'only-for-requests',
    'RFC 9111 §5.2.1',
    'a directive for requests means nothing in an answer',
    'only-if-cached, max-age=3600',
  ],
]

/** A status no specification has. */
const UNHEARD_OF = 299

const secret = { 'X-Secret': 'for one only', 'X-Open': 'for all' }

export const cacheControl: readonly Case[] = [
  ...NEVER_REUSED.map(([id, section, what, value]) =>
    notReused({
      id: `cc-${id}`,
      kind: 'required',
      section,
      what,
      answer: { fields: { 'Cache-Control': value, 'Last-Modified': '{t0-8640000}' } },
    }),
  ),
  ...QUALIFIED.map(
    ([id, section, what, value]): Case => ({
      id: `cc-${id}`,
      kind: 'required',
      section,
      what,
      requests: [
        { answer: { fields: { 'Cache-Control': value, ...secret } } },
        { expect: { status: 200, ifReused: { fields: { 'X-Secret': false } } } },
      ],
    }),
  ),
  ...ALLOWED.map(([id, section, what, value]) =>
    reused({ id: `cc-${id}`, kind: 'optimal', section, what, answer: { fields: { 'Cache-Control': value } } }),
  ),
  reused({
    id: 'cc-pragma-of-an-answer',
    kind: 'optimal',
    section: 'RFC 9111 §5.4',
    what: 'Pragma means nothing in an answer',
    answer: { fields: { ...FRESH, Pragma: 'no-cache' } },
  }),
  notReused({
    id: 'cc-immutable-stale',
    kind: 'required',
    section: 'RFC 8246 §2',
    what: 'immutable does not outlast the lifetime',
    answer: { fields: { 'Cache-Control': 'max-age=1, immutable' } },
    second: { advance: LATER },
  }),
  reused({
    id: 'must-understand-known-status',
    kind: 'optimal',
    section: 'RFC 9111 §5.2.2.3',
    what: 'where the status is understood, must-understand takes the no-store beside it back',
    answer: { fields: { 'Cache-Control': 'must-understand, no-store, max-age=3600' } },
  }),
  notReused({
    id: 'must-understand-unknown-status',
    kind: 'required',
    section: 'RFC 9111 §5.2.2.3',
    what: 'where the status is not understood, no-store beside must-understand counts',
    answer: { status: UNHEARD_OF, fields: { 'Cache-Control': 'must-understand, no-store, max-age=3600' } },
  }),
  notReused({
    id: 'must-understand-alone-unknown-status',
    kind: 'optimal',
    section: 'RFC 9111 §3',
    what: 'with must-understand a status that is not understood is not stored',
    answer: { status: UNHEARD_OF, fields: { 'Cache-Control': 'must-understand, max-age=3600' } },
  }),
  {
    id: 'cc-passed-on',
    kind: 'required',
    section: 'RFC 9111 §5.2',
    what: 'a proxy passes the directives of an answer on, those it does not know included',
    requests: [
      {
        answer: { fields: { 'Cache-Control': 'max-age=3600, x-unknown="a, b"' } },
        expect: { fields: { 'Cache-Control': 'max-age=3600, x-unknown="a, b"' } },
      },
    ],
  },
  {
    id: 'cc-of-requests-passed-on',
    kind: 'required',
    section: 'RFC 9111 §5.2',
    what: 'a proxy passes the directives of a request on',
    requests: [
      {
        fields: { 'Cache-Control': 'x-unknown=1' },
        expect: { origin: { fields: { 'Cache-Control': /x-unknown=1/ } } },
      },
    ],
  },
  {
    id: 'cc-no-transform',
    kind: 'required',
    section: 'RFC 9110 §7.7',
    what: 'a proxy does not transform content whose message says no-transform',
    requests: [
      {
        fields: { 'Accept-Encoding': 'gzip' },
        answer: {
          fields: { 'Cache-Control': 'no-transform', 'Content-Type': 'text/plain' },
          body: 'text that could be compressed '.repeat(50),
        },
        expect: { bodyOf: 0, fields: { 'Content-Encoding': false, 'Content-Type': 'text/plain' } },
      },
    ],
  },
]
