/** Odd spellings of max-age and s-maxage (RFC 9111 §1.2.2, §4.2.1, §5.2). */
import { type Case, type Fields, LATER, notReused, reused } from '../case.ts'

const DELTA = 'RFC 9111 §1.2.2'
const DIRECTIVE = 'RFC 9111 §5.2'
const INVALID = 'RFC 9111 §4.2.1'

type Row = readonly [id: string, section: string, what: string, cacheControl: string | readonly string[]]

const FRESH_STILL: readonly Row[] = [
  ['upper-case', DIRECTIVE, 'directives are matched without case', 'MAX-AGE=3600'],
  ['s-maxage-mixed-case', DIRECTIVE, 's-maxage is matched without case', 'S-MaxAge=3600'],
  ['quoted', DIRECTIVE, 'a recipient takes an argument in quotes, too', 'max-age="3600"'],
  ['s-maxage-quoted', DIRECTIVE, 'so it does for s-maxage', 's-maxage="3600"'],
  ['leading-zeros', DELTA, 'a number may begin with zeros', 'max-age=0003600'],
  ['2-to-the-31', DELTA, 'the largest number that has to be represented is one', 'max-age=2147483648'],
  ['2-to-the-32', DELTA, 'a number beyond 2^31 is a very large one', 'max-age=4294967296'],
  ['2-to-the-32-and-some', DELTA, 'a large number does not wrap around to a small one', 'max-age=4294967297'],
  ['2-to-the-64', DELTA, 'a number beyond 64 bits is a very large one', 'max-age=18446744073709551617'],
  ['thirty-nines', DELTA, 'so is a longer one', `s-maxage=${'9'.repeat(30)}`],
  ['own-line', 'RFC 9110 §5.3', 'several lines are one list', ['public', 'max-age=3600']],
  ['empty-members', 'RFC 9110 §5.6.1.2', 'empty members of a list are ignored', ',, max-age=3600 ,,'],
  ['tab', 'RFC 9110 §5.6.1', 'a tab is white space in a list', 'public\t,\tmax-age=3600'],
  ['after-longer-name', DIRECTIVE, 'a name that ends like max-age is another one', 'x-max-age=0, max-age=3600'],
  ['after-quoted-max-age', DIRECTIVE, 'a max-age in quotes is none', 'x="max-age=0", max-age=3600'],
  ['twice-the-same', INVALID, 'a directive said twice in the same words is clear', 'max-age=3600, max-age=3600'],
]

const STALE_THEN: readonly Row[] = [
  ['upper-case', DIRECTIVE, 'a short lifetime is matched without case', 'MAX-AGE=1'],
  ['s-maxage-upper-case', DIRECTIVE, 's-maxage is matched without case', 'max-age=3600, S-MAXAGE=1'],
  ['longer-name', DIRECTIVE, 'a name that ends like max-age gives no lifetime', 'x-max-age=3600, max-age=1'],
  ['longer-name-behind', DIRECTIVE, 'a name that begins like max-age gives none either', 'max-age=1, max-age-x=3600'],
  ['quoted-max-age', DIRECTIVE, 'what is quoted gives no lifetime', 'x="max-age=3600", max-age=1'],
  ['quoted-list', DIRECTIVE, 'a comma in quotes begins no directive', 'x="y, s-maxage=3600, z", max-age=1'],
  [
    'escaped-quote',
    'RFC 9110 §5.6.4',
    'an escaped quote does not end the quotes',
    'x="\\", s-maxage=3600, \\"", max-age=1',
  ],
  ['own-line', 'RFC 9110 §5.3', 'a short lifetime counts on a line of its own', ['public', 'max-age=1']],
]

/** Caches are encouraged to take them for stale; a cache that does not knows better than the origin. */
const INVALID_NUMBERS: readonly (readonly [id: string, value: string])[] = [
  ['negative', 'max-age=-1'],
  ['large-negative', 'max-age=-3600'],
  ['fraction', 'max-age=3600.5'],
  ['plus', 'max-age=+3600'],
  ['exponent', 'max-age=1e9'],
  ['hexadecimal', 'max-age=0x3600'],
  ['word', 'max-age=forever'],
  ['unit', 'max-age=3600s'],
  ['nothing', 'max-age='],
  ['no-argument', 'max-age'],
  ['empty-quotes', 'max-age=""'],
  ['single-quotes', "max-age='3600'"],
  ['space-before-equals', 'max-age =3600'],
  ['s-maxage-negative', 's-maxage=-1, max-age=3600'],
  ['s-maxage-word', 's-maxage=long, max-age=3600'],
]

/** The first one counts, or the answer is stale. */
const TWICE: readonly (readonly [id: string, fields: Fields])[] = [
  ['max-age', { 'Cache-Control': 'max-age=1, max-age=3600' }],
  ['max-age-lines', { 'Cache-Control': ['max-age=1', 'max-age=3600'] }],
  ['s-maxage', { 'Cache-Control': 's-maxage=1, s-maxage=3600' }],
  ['s-maxage-lines', { 'Cache-Control': ['s-maxage=1', 'max-age=3600, s-maxage=3600'] }],
]

export const numbers: readonly Case[] = [
  ...FRESH_STILL.map(([id, section, what, value]) =>
    reused({
      id: `number-fresh-${id}`,
      kind: 'optimal',
      section,
      what,
      answer: { fields: { 'Cache-Control': value } },
      second: { advance: LATER },
    }),
  ),
  ...STALE_THEN.map(([id, section, what, value]) =>
    notReused({
      id: `number-stale-${id}`,
      kind: 'required',
      section,
      what,
      answer: { fields: { 'Cache-Control': value } },
      second: { advance: LATER },
    }),
  ),
  ...INVALID_NUMBERS.map(([id, value]) =>
    notReused({
      id: `number-invalid-${id}`,
      kind: 'optimal',
      section: INVALID,
      what: `an answer whose freshness is not stated as a number (${id}) is best taken for stale`,
      answer: { fields: { 'Cache-Control': value, 'Last-Modified': '{t0-8640000}' } },
    }),
  ),
  ...TWICE.map(([id, fields]) =>
    notReused({
      id: `number-twice-${id}`,
      kind: 'optimal',
      section: INVALID,
      what: 'of a directive said twice the first one counts, or the answer is stale',
      answer: { fields },
      second: { advance: LATER },
    }),
  ),
]
