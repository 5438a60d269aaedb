/** Age (RFC 9111 §4.2.3, §5.1) and Date (RFC 9110 §6.6.1). */
import { type Case, type Fields, FRESH, LATER, notReused, type OriginAnswer, reused, whenReused } from '../case.ts'

const AGE = 'RFC 9111 §5.1'
const CALCULATION = 'RFC 9111 §4.2.3'

type Row = readonly [id: string, what: string, answer: OriginAnswer, age: number]

/** The age of the answer out of the store, LATER seconds after it came. */
const AGES: readonly Row[] = [
  ['counted', 'an answer out of the store says how old it is', { fields: FRESH }, LATER],
  ['added-to-upstream', 'the Age it came with is added to', { fields: { ...FRESH, Age: '100' } }, 100 + LATER],
  ['apparent', 'the time since its Date is its age', { fields: { ...FRESH, Date: '{t0-100}' } }, 100 + LATER],
  [
    'larger-date',
    'of Date and Age the one that makes it older counts',
    { fields: { ...FRESH, Date: '{t0-500}', Age: '100' } },
    500 + LATER,
  ],
  [
    'larger-age',
    'of Age and Date the one that makes it older counts',
    { fields: { ...FRESH, Date: '{t0-100}', Age: '500' } },
    500 + LATER,
  ],
  ['without-date', 'without Date the age counts from the moment of arrival', { hasDate: false, fields: FRESH }, LATER],
  [
    'without-date-with-age',
    'without Date an Age still counts',
    { hasDate: false, fields: { ...FRESH, Age: '100' } },
    100 + LATER,
  ],
  ['date-to-come', 'a Date in the future makes no negative age', { fields: { ...FRESH, Date: '{t0+500}' } }, LATER],
  ['of-404', 'so does one with another status', { status: 404, fields: FRESH }, LATER],
  ['rfc850-date', 'a Date in the RFC 850 form counts', { fields: { ...FRESH, Date: '{t0-100 rfc850}' } }, 100 + LATER],
  [
    'asctime-date',
    'a Date in the asctime form counts',
    { fields: { ...FRESH, Date: '{t0-100 asctime}' } },
    100 + LATER,
  ],
]

/** An Age that is none is best ignored: the answer is as old as its Date says. */
const INVALID: readonly (readonly [id: string, age: string])[] = [
  ['word', 'old'],
  ['negative', '-7200'],
  ['fraction', '7200.5'],
  ['empty', ''],
  ['date', '{t0-7200}'],
  ['unit', '7200s'],
]

const dated: Fields = { ...FRESH, Date: '{t0-10}' }

export const age: readonly Case[] = [
  ...AGES.map(([id, what, answer, expected]) =>
    whenReused({
      id: `age-${id}`,
      kind: 'required',
      section: id === 'counted' ? AGE : CALCULATION,
      what,
      answer,
      second: { advance: LATER },
      expect: { bodyOf: 0, age: expected },
    }),
  ),
  ...INVALID.map(([id, value]) =>
    reused({
      id: `age-invalid-${id}`,
      kind: 'optimal',
      section: AGE,
      what: `an Age that is no number of seconds (${id}) is ignored`,
      answer: { fields: { ...FRESH, Age: value } },
      expect: { age: 0 },
    }),
  ),
  whenReused({
    id: 'age-grows',
    kind: 'required',
    section: CALCULATION,
    what: 'the time an answer spends in the store is part of its age',
    needsFakeClock: true,
    answer: { fields: FRESH },
    second: { advance: 3000 },
    expect: { age: 3000 },
  }),
  notReused({
    id: 'age-list-old-first',
    kind: 'optimal',
    section: AGE,
    what: 'of a list of ages the first one counts',
    answer: { fields: { ...FRESH, Age: '7200, 0' } },
  }),
  reused({
    id: 'age-list-young-first',
    kind: 'optimal',
    section: AGE,
    what: 'of a list of ages those after the first are ignored',
    answer: { fields: { ...FRESH, Age: '10, 7200' } },
    expect: { age: 10 },
  }),
  notReused({
    id: 'age-lines-old-first',
    kind: 'optimal',
    section: AGE,
    what: 'of two lines of Age the first one counts',
    answer: { fields: { ...FRESH, Age: ['7200', '0'] } },
  }),
  {
    id: 'age-not-of-a-new-answer',
    kind: 'optimal',
    section: AGE,
    what: 'Age stands for an answer that was not made for this request: one that was has none, or 0',
    requests: [{ answer: { fields: FRESH }, expect: { fields: { Age: /^0?$/ } } }],
  },
  {
    id: 'age-anew-after-validation',
    kind: 'required',
    section: CALCULATION,
    what: 'an answer that the origin has confirmed is as old as the confirmation',
    requests: [
      { answer: { fields: { 'Cache-Control': 'max-age=1', ETag: '"a"' }, evaluates: true, body: 'the same' } },
      {
        advance: LATER,
        answer: { fields: { ...FRESH, ETag: '"a"' }, evaluates: true, body: 'the same' },
        expect: { asked: true, bodyOf: 0 },
      },
      { isSetup: true, expect: { asked: false } },
      { expect: { age: 0 } },
    ],
  },
  whenReused({
    id: 'date-kept',
    kind: 'optimal',
    section: 'RFC 9110 §6.6.1',
    what: 'Date is when the origin made the answer, also when it comes out of the store',
    answer: { fields: dated },
    expect: { fields: { Date: '{t0-10}' } },
  }),
  {
    id: 'date-passed-on',
    kind: 'optimal',
    section: 'RFC 9110 §6.6.1',
    what: 'Date is when the origin made the answer, also when it is passed on',
    requests: [{ answer: { fields: dated }, expect: { fields: { Date: '{t0-10}' } } }],
  },
  {
    id: 'date-added-when-passed-on',
    kind: 'required',
    section: 'RFC 9110 §6.6.1',
    what: 'an answer without Date gets the one of its arrival when it is passed on',
    requests: [
      {
        answer: { hasDate: false, fields: { 'Cache-Control': 'no-store' } },
        expect: { fields: { Date: /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/ } },
      },
    ],
  },
  whenReused({
    id: 'date-added-when-stored',
    kind: 'required',
    section: 'RFC 9110 §6.6.1',
    what: 'an answer without Date gets the one of its arrival when it is stored',
    answer: { hasDate: false, fields: FRESH },
    expect: { fields: { Date: /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/ } },
  }),
]
