/** How long an answer may be used: which of the lifetimes counts (RFC 9111 §4.2.1), and Expires (§5.3). */
import { BRIEF, type Case, type Fields, FRESH, type Kind, LATER, notReused, reused } from '../case.ts'

const LIFETIME = 'RFC 9111 §4.2.1'
const EXPIRES = 'RFC 9111 §5.3'
const S_MAXAGE = 'RFC 9111 §5.2.2.10'

const FUTURE = '{t0+3600}'
const PAST = '{t0-3600}'

/** id, section, what, the answer's fields. They are asked for again after LATER seconds. */
type Row = readonly [id: string, section: string, what: string, fields: Fields]

const STILL_FRESH: readonly Row[] = [
  ['fresh-max-age', LIFETIME, 'an answer is fresh while its age is below max-age', FRESH],
  [
    'fresh-s-maxage',
    LIFETIME,
    'an answer is fresh while its age is below s-maxage',
    { 'Cache-Control': 's-maxage=3600' },
  ],
  ['fresh-expires', LIFETIME, 'an answer is fresh until Expires', { Expires: FUTURE }],
  [
    'fresh-s-maxage-over-max-age',
    S_MAXAGE,
    's-maxage overrides max-age in a shared cache',
    { 'Cache-Control': 'max-age=1, s-maxage=3600' },
  ],
  [
    'fresh-s-maxage-over-zero',
    S_MAXAGE,
    's-maxage overrides max-age=0',
    { 'Cache-Control': 's-maxage=3600, max-age=0' },
  ],
  [
    'fresh-s-maxage-over-expires',
    S_MAXAGE,
    's-maxage overrides Expires',
    { 'Cache-Control': 's-maxage=3600', Expires: PAST },
  ],
  ['fresh-max-age-over-expires', EXPIRES, 'where max-age is there, Expires is ignored', { ...FRESH, Expires: PAST }],
  [
    'fresh-max-age-over-broken-expires',
    EXPIRES,
    'where max-age is there, a broken Expires is ignored',
    { ...FRESH, Expires: '0' },
  ],
  [
    'fresh-expires-rfc850',
    'RFC 9110 §5.6.7',
    'a recipient accepts the RFC 850 form of a date',
    { Expires: '{t0+3600 rfc850}' },
  ],
  [
    'fresh-expires-asctime',
    'RFC 9110 §5.6.7',
    'a recipient accepts the asctime form of a date',
    { Expires: '{t0+3600 asctime}' },
  ],
  [
    'fresh-expires-lower-case',
    'RFC 9111 §4.2',
    'dates are matched without case',
    { Expires: 'tue, 01 jan 2999 00:00:00 gmt' },
  ],
  [
    'fresh-expires-2286',
    LIFETIME,
    'a lifetime of more than 2^31 seconds is a long one, not a wrong one',
    { Expires: 'Wed, 20 Nov 2286 17:46:40 GMT' },
  ],
  [
    'fresh-expires-9999',
    LIFETIME,
    'the last date that can be written is in the future',
    { Expires: 'Fri, 31 Dec 9999 23:59:59 GMT' },
  ],
  [
    'fresh-expires-minus-date',
    LIFETIME,
    'without max-age the lifetime is Expires minus Date',
    { Date: '{t0-100}', Expires: FUTURE },
  ],
  [
    'fresh-slow-clock-of-origin',
    LIFETIME,
    'a Date of the past makes the answer older, but not stale by itself',
    { Date: '{t0-1000}', ...FRESH },
  ],
  [
    'fresh-fast-clock-of-origin',
    'RFC 9111 §4.2.3',
    'a Date in the future makes no negative age',
    { Date: '{t0+7200}', ...FRESH },
  ],
  ['fresh-aged', 'RFC 9111 §4.2.3', 'an Age below the lifetime leaves the rest of it', { ...FRESH, Age: '1000' }],
]

const STALE_BY_THEN: readonly Row[] = [
  ['stale-max-age', 'RFC 9111 §4.2.4', 'a stale answer is not used without validation unless that is permitted', BRIEF],
  ['stale-max-age-zero', LIFETIME, 'max-age=0 is stale at once', { 'Cache-Control': 'max-age=0' }],
  [
    'stale-s-maxage-zero',
    S_MAXAGE,
    's-maxage=0 is stale at once, whatever max-age says',
    { 'Cache-Control': 's-maxage=0, max-age=3600' },
  ],
  [
    'stale-s-maxage',
    S_MAXAGE,
    'a short s-maxage overrides a long max-age',
    { 'Cache-Control': 's-maxage=1, max-age=3600' },
  ],
  [
    'stale-s-maxage-second',
    S_MAXAGE,
    's-maxage overrides max-age in whichever order they stand',
    { 'Cache-Control': 'max-age=3600, s-maxage=1' },
  ],
  [
    'stale-s-maxage-over-expires',
    S_MAXAGE,
    'a short s-maxage overrides a late Expires',
    { 'Cache-Control': 's-maxage=1', Expires: FUTURE },
  ],
  ['stale-max-age-over-expires', EXPIRES, 'a short max-age overrides a late Expires', { ...BRIEF, Expires: FUTURE }],
  ['stale-expires', EXPIRES, 'an answer is stale after the moment in Expires', { Expires: '{t0+1}' }],
  ['stale-expires-past', EXPIRES, 'an Expires of the past is stale at once', { Expires: PAST }],
  ['stale-expires-past-rfc850', EXPIRES, 'so is one in the RFC 850 form', { Expires: '{t0-3600 rfc850}' }],
  ['stale-expires-past-asctime', EXPIRES, 'so is one in the asctime form', { Expires: '{t0-3600 asctime}' }],
  ['stale-expires-is-date', EXPIRES, 'an Expires equal to Date is stale at once', { Date: '{t0}', Expires: '{t0}' }],
  [
    'stale-expires-before-date',
    LIFETIME,
    'Expires before Date is no lifetime, even where both are to come',
    { Date: '{t0+7200}', Expires: FUTURE },
  ],
  [
    'stale-old-date',
    'RFC 9111 §4.2.3',
    'an answer made longer ago than max-age is stale on arrival',
    { Date: '{t0-3600}', 'Cache-Control': 'max-age=1800' },
  ],
  ['stale-old-age', 'RFC 9111 §4.2.3', 'an Age beyond max-age is stale on arrival', { ...FRESH, Age: '7200' }],
  [
    'stale-old-age-s-maxage',
    'RFC 9111 §4.2.3',
    'an Age beyond s-maxage is stale on arrival',
    { 'Cache-Control': 's-maxage=60, max-age=3600', Age: '120' },
  ],
  [
    'stale-old-age-expires',
    'RFC 9111 §4.2.3',
    'an Age counts against Expires as well',
    { Expires: FUTURE, Age: '7200' },
  ],
  [
    'stale-huge-age',
    'RFC 9111 §1.2.2',
    'an Age too large to be represented is a very large one',
    { ...FRESH, Age: '99999999999999999999' },
  ],
  [
    'stale-age-at-the-edge',
    'RFC 9111 §4.2',
    'fresh means that the lifetime is greater than the age, not equal',
    { ...FRESH, Age: '3600' },
  ],
]

/** RFC 9111 §5.3: "0" above all is in the past. */
const NO_DATES: readonly (readonly [id: string, expires: string])[] = [
  ['zero', '0'],
  ['minus-one', '-1'],
  ['number', '3600'],
  ['empty', ''],
  ['word', 'never'],
  ['iso', '{t0+3600 iso}'],
  ['epoch-seconds', '32503680000'],
  ['no-such-day', 'Thu, 99 Jan 2099 00:00:00 GMT'],
  ['no-such-month', 'Thu, 01 Foo 2099 00:00:00 GMT'],
  ['no-such-hour', 'Thu, 01 Jan 2099 25:00:00 GMT'],
  ['no-time', 'Thu, 01 Jan 2099'],
  ['two-digit-year', 'Thu, 01 Jan 99 00:00:00 GMT'],
  ['dashes', 'Thu, 01-Jan-2099 00:00:00 GMT'],
  ['quoted', '"Thu, 01 Jan 2099 00:00:00 GMT"'],
  ['trailing-word', 'Thu, 01 Jan 2099 00:00:00 GMT or so'],
]

/** Only GMT is a zone; what else is said is in no zone that counts. */
const OTHER_ZONES = ['UTC', 'EST', '+0100', 'CET', 'Z']

const row =
  (kind: Kind, make: typeof reused) =>
  ([id, section, what, fields]: Row): Case =>
    make({ id, kind, section, what, answer: { fields }, second: { advance: LATER } })

export const freshness: readonly Case[] = [
  ...STILL_FRESH.map(row('optimal', reused)),
  ...STALE_BY_THEN.map(row('required', notReused)),
  ...NO_DATES.map(([id, expires]) =>
    notReused({
      id: `expires-no-date-${id}`,
      kind: 'required',
      section: EXPIRES,
      what: `an Expires that is no date (${id}) stands for the past`,
      answer: { fields: { Expires: expires } },
    }),
  ),
  ...OTHER_ZONES.map((zone) =>
    notReused({
      id: `expires-zone-${zone.toLowerCase().replace(/\W/, 'plus-')}`,
      kind: 'optimal',
      section: 'RFC 9111 §4.2',
      what: `a date whose zone is ${zone} and not GMT is invalid`,
      answer: { fields: { Expires: `Thu, 01 Jan 2099 00:00:00 ${zone}` } },
    }),
  ),
  notReused({
    id: 'expires-twice-past-first',
    kind: 'optimal',
    section: LIFETIME,
    what: 'of two Expires the first one counts, or the answer is stale',
    answer: { fields: { Expires: [PAST, FUTURE] } },
  }),
  reused({
    id: 'fresh-expires-without-date',
    kind: 'optimal',
    section: 'RFC 9110 §6.6.1',
    what: 'without Date the lifetime counts from the moment of arrival',
    answer: { hasDate: false, fields: { Expires: FUTURE } },
  }),
  notReused({
    id: 'stale-expires-without-date',
    kind: 'required',
    section: EXPIRES,
    what: 'without Date an Expires of the past is stale all the same',
    answer: { hasDate: false, fields: { Expires: PAST } },
  }),
  notReused({
    id: 'stale-max-age-without-date',
    kind: 'required',
    section: 'RFC 9111 §4.2.3',
    what: 'without Date an answer ages from the moment of arrival',
    answer: { hasDate: false, fields: BRIEF },
    second: { advance: LATER },
  }),
  reused({
    id: 'fresh-half-an-hour',
    kind: 'optimal',
    section: LIFETIME,
    what: 'an answer is fresh to the end of its lifetime',
    needsFakeClock: true,
    answer: { fields: FRESH },
    second: { advance: 3599 },
  }),
  notReused({
    id: 'stale-after-an-hour',
    kind: 'required',
    section: LIFETIME,
    what: 'an answer is stale from the end of its lifetime on',
    needsFakeClock: true,
    answer: { fields: FRESH },
    second: { advance: 3600 },
  }),
]
