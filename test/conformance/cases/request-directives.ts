/**
 * What clients ask of a cache (RFC 9111 §5.2.1, §5.4). A shared cache may follow them or not: by default it follows only
 * those that put no load on the origin; a route may have it follow them all.
 */
import { BRIEF, type Case, type Fields, FRESH, LATER, notReused, reused } from '../case.ts'

const HONOUR = { requestCacheControl: 'honour' }

const control = (value: string): { fields: Fields } => ({ fields: { 'Cache-Control': value } })

/** By default they change nothing about a stored answer that is fresh for an hour, or about whether it is stored. */
const IGNORED: readonly (readonly [id: string, section: string, fields: Fields])[] = [
  ['no-cache', 'RFC 9111 §5.2.1.4', { 'Cache-Control': 'no-cache' }],
  ['max-age-zero', 'RFC 9111 §5.2.1.1', { 'Cache-Control': 'max-age=0' }],
  ['min-fresh', 'RFC 9111 §5.2.1.3', { 'Cache-Control': 'min-fresh=7200' }],
  ['no-store', 'RFC 9111 §5.2.1.5', { 'Cache-Control': 'no-store' }],
  ['pragma', 'RFC 9111 §5.4', { Pragma: 'no-cache' }],
  ['reload', 'RFC 9111 §5.2.1.4', { 'Cache-Control': 'no-cache', Pragma: 'no-cache' }],
]

type Row = readonly [id: string, section: string, what: string, fields: Fields]

/** A fresh answer, asked for again after LATER seconds. */
const HONOURED_ASKS: readonly Row[] = [
  ['no-cache', 'RFC 9111 §5.2.1.4', 'no-cache asks for validation', { 'Cache-Control': 'no-cache' }],
  ['no-cache-case', 'RFC 9111 §5.2', 'directives are matched without case', { 'Cache-Control': 'No-Cache' }],
  [
    'no-cache-in-list',
    'RFC 9111 §5.2',
    'no-cache counts beside others',
    { 'Cache-Control': 'max-stale=100, no-cache' },
  ],
  ['max-age-zero', 'RFC 9111 §5.2.1.1', 'max-age=0 wants nothing that has an age', { 'Cache-Control': 'max-age=0' }],
  ['max-age', 'RFC 9111 §5.2.1.1', 'max-age wants nothing older', { 'Cache-Control': 'max-age=1' }],
  [
    'min-fresh',
    'RFC 9111 §5.2.1.3',
    'min-fresh wants what stays fresh for so long',
    { 'Cache-Control': 'min-fresh=7200' },
  ],
  ['pragma', 'RFC 9111 §5.4', 'Pragma: no-cache is no-cache where there is no Cache-Control', { Pragma: 'no-cache' }],
]

const HONOURED_REUSES: readonly Row[] = [
  [
    'max-age-enough',
    'RFC 9111 §5.2.1.1',
    'a max-age that is not reached is content',
    { 'Cache-Control': 'max-age=1000' },
  ],
  [
    'min-fresh-enough',
    'RFC 9111 §5.2.1.3',
    'a min-fresh that is met is content',
    { 'Cache-Control': 'min-fresh=1000' },
  ],
  [
    'max-stale-fresh',
    'RFC 9111 §5.2.1.2',
    'max-stale is content with what is fresh',
    { 'Cache-Control': 'max-stale=10' },
  ],
  [
    'pragma-beside-cache-control',
    'RFC 9111 §5.4',
    'Pragma is ignored where Cache-Control is there',
    { Pragma: 'no-cache', 'Cache-Control': 'max-stale=1' },
  ],
  ['unknown', 'RFC 9111 §5.2.3', 'directives that are not known are ignored', { 'Cache-Control': 'x-odd="no-cache"' }],
]

export const requestDirectives: readonly Case[] = [
  {
    id: 'only-if-cached-cold',
    kind: 'optimal',
    section: 'RFC 9111 §5.2.1.7',
    what: 'only-if-cached does not ask the origin: what is not stored is 504',
    requests: [{ ...control('only-if-cached'), expect: { asked: false, status: 504 } }],
  },
  reused({
    id: 'only-if-cached-stored',
    kind: 'optimal',
    section: 'RFC 9111 §5.2.1.7',
    what: 'only-if-cached is answered with what is stored',
    answer: { fields: FRESH },
    second: control('only-if-cached'),
    expect: { status: 200 },
  }),
  {
    id: 'only-if-cached-stale',
    kind: 'optimal',
    section: 'RFC 9111 §5.2.1.7',
    what: 'only-if-cached does not ask the origin about what is stale',
    requests: [
      { answer: { fields: { 'Cache-Control': 'max-age=1, must-revalidate' } } },
      { advance: LATER, ...control('only-if-cached'), expect: { asked: false, status: 504 } },
    ],
  },
  {
    id: 'only-if-cached-case',
    kind: 'optimal',
    section: 'RFC 9111 §5.2',
    what: 'only-if-cached is matched without case, beside others',
    requests: [{ ...control('max-stale, Only-If-Cached'), expect: { asked: false, status: 504 } }],
  },
  ...IGNORED.map(([id, section, fields]) =>
    reused({
      id: `request-ignored-${id}`,
      kind: 'optimal',
      section,
      what: `a client cannot make a shared cache ask its origin with ${id}`,
      answer: { fields: FRESH },
      second: { fields },
    }),
  ),
  ...IGNORED.map(([id, section, fields]) =>
    reused({
      id: `request-ignored-first-${id}`,
      kind: 'optimal',
      section,
      what: `nor keep it from storing the answer with ${id}`,
      answer: { fields: FRESH },
      first: { fields },
    }),
  ),
  notReused({
    id: 'request-max-stale-ignored',
    kind: 'optimal',
    section: 'RFC 9111 §5.2.1.2',
    what: 'by default a client does not get what is stale by asking for it',
    answer: { fields: BRIEF },
    second: { advance: LATER, ...control('max-stale=100') },
  }),
  ...HONOURED_ASKS.map(([id, section, what, fields]) =>
    notReused({
      id: `request-honoured-${id}`,
      kind: 'required',
      section,
      what,
      route: HONOUR,
      answer: { fields: FRESH },
      second: { advance: LATER, fields },
    }),
  ),
  ...HONOURED_REUSES.map(([id, section, what, fields]) =>
    reused({
      id: `request-honoured-${id}`,
      kind: 'optimal',
      section,
      what,
      route: HONOUR,
      answer: { fields: FRESH },
      second: { advance: LATER, fields },
    }),
  ),
  notReused({
    id: 'request-honoured-no-store',
    kind: 'required',
    section: 'RFC 9111 §5.2.1.5',
    what: 'what came for a request with no-store is not stored',
    route: HONOUR,
    answer: { fields: FRESH },
    first: control('no-store'),
  }),
  ...[
    ['max-stale', 'max-stale takes what is stale, however long'],
    ['max-stale=100', 'max-stale takes what has not been stale for longer'],
  ].map(([value = '', what = '']) =>
    reused({
      id: `request-honoured-${value.replace('=', '-')}`,
      kind: 'optimal',
      section: 'RFC 9111 §5.2.1.2',
      what,
      route: HONOUR,
      answer: { fields: BRIEF },
      second: { advance: LATER, ...control(value) },
    }),
  ),
  notReused({
    id: 'request-honoured-max-stale-exceeded',
    kind: 'required',
    section: 'RFC 9111 §5.2.1.2',
    what: 'what has been stale for longer than max-stale is not taken',
    route: HONOUR,
    answer: { fields: BRIEF },
    second: { advance: LATER + 1, ...control('max-stale=1') },
  }),
  ...['must-revalidate', 'proxy-revalidate'].map((directive) =>
    notReused({
      id: `request-honoured-max-stale-${directive}`,
      kind: 'required',
      section: 'RFC 9111 §5.2.2.2',
      what: `max-stale does not take ${directive} back`,
      route: HONOUR,
      answer: { fields: { 'Cache-Control': `max-age=1, ${directive}` } },
      second: { advance: LATER, ...control('max-stale=100') },
    }),
  ),
  {
    id: 'request-honoured-no-cache-validates',
    kind: 'optimal',
    section: 'RFC 9111 §5.2.1.4',
    what: 'no-cache of a client is content with a validation',
    route: HONOUR,
    requests: [
      { answer: { fields: { ...FRESH, ETag: '"a"' }, body: 'the same' } },
      {
        ...control('no-cache'),
        answer: { fields: { ...FRESH, ETag: '"a"' }, body: 'the same', evaluates: true },
        expect: { status: 200, body: 'the same', origin: { fields: { 'If-None-Match': '"a"' } } },
      },
    ],
  },
]
