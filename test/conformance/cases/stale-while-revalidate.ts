/** Stale answers that are served while a new one is fetched (RFC 5861 §3). */
import { BRIEF, type Case, type Exchange, type Expectation, FRESH, LATER, type OriginAnswer } from '../case.ts'

const SERVING = 'RFC 9111 §4.2.4'
const WHILE = 'RFC 5861 §3'

const STALE: Expectation = { status: 200, bodyOf: 0 }

const cached = (cacheControl: string): OriginAnswer => ({ fields: { 'Cache-Control': cacheControl } })

const WHILE_REVALIDATING = 'max-age=1, stale-while-revalidate=3600'

const whileRevalidating = (last: Exchange, background: OriginAnswer = { fields: FRESH }): Case['requests'] => [
  { answer: cached(WHILE_REVALIDATING) },
  { advance: LATER, answer: background, expect: { ...STALE, background: true } },
  last,
]

export const staleWhileRevalidate: readonly Case[] = [
  {
    id: 'swr-serves-stale',
    kind: 'optimal',
    section: WHILE,
    what: 'within stale-while-revalidate the stale answer is served, and the origin asked behind it',
    requests: whileRevalidating({ expect: { asked: false, bodyOf: 1 } }).with(1, {
      advance: LATER,
      answer: { fields: FRESH },
      expect: { ...STALE, asked: 1, background: true },
    }),
  },
  {
    id: 'swr-age',
    kind: 'required',
    section: 'RFC 9111 §5.1',
    what: 'a stale answer that is served while it is validated says how old it is',
    requests: [
      { answer: cached(WHILE_REVALIDATING) },
      { advance: LATER, isSetup: true, answer: { failure: 'close' }, expect: STALE },
      { advance: LATER, answer: { failure: 'close' }, expect: { ifStatus: { 200: { age: LATER * 2 } } } },
    ],
  },
  {
    id: 'swr-over',
    kind: 'required',
    section: WHILE,
    what: 'after stale-while-revalidate the stale answer is not served',
    requests: [
      { answer: cached('max-age=1, stale-while-revalidate=1') },
      { advance: LATER, answer: { fields: FRESH }, expect: { asked: true, bodyOf: 1 } },
    ],
  },
  {
    id: 'swr-fails',
    kind: 'optimal',
    section: WHILE,
    what: 'a validation that fails in the background leaves the stale answer where it is',
    requests: whileRevalidating(
      { advance: 1, answer: { fields: FRESH }, expect: STALE },
      { status: 503, fields: { 'Cache-Control': 'no-store' } },
    ),
  },
  {
    id: 'swr-confirms',
    kind: 'optimal',
    section: WHILE,
    what: 'a 304 in the background makes the stale answer fresh',
    requests: [
      { answer: { fields: { 'Cache-Control': WHILE_REVALIDATING, ETag: '"a"' }, body: 'the same' } },
      {
        advance: LATER,
        answer: { fields: { ...FRESH, ETag: '"a"' }, body: 'the same', evaluates: true },
        expect: { body: 'the same', background: true, origin: { fields: { 'If-None-Match': '"a"' } } },
      },
      { expect: { asked: false, body: 'the same', age: 0 } },
    ],
  },
  {
    id: 'swr-one-at-a-time',
    kind: 'optimal',
    section: WHILE,
    what: 'however many are served a stale answer, the origin is asked once',
    requests: [
      { answer: cached(WHILE_REVALIDATING) },
      { advance: LATER, together: 5, answer: { fields: FRESH }, expect: { ...STALE, asked: 1, background: true } },
    ],
  },
  {
    id: 'swr-head',
    kind: 'optimal',
    section: WHILE,
    what: 'HEAD is served a stale answer as GET is',
    requests: [
      { answer: { fields: { 'Cache-Control': WHILE_REVALIDATING, 'X-Edition': '1' } } },
      {
        advance: LATER,
        method: 'HEAD',
        answer: { fields: FRESH },
        expect: { status: 200, fields: { 'X-Edition': '1' } },
      },
    ],
  },
  {
    id: 'swr-by-route',
    kind: 'optimal',
    section: SERVING,
    what: 'what is configured permits stale answers while they are validated',
    route: { staleWhileRevalidate: '1h' },
    requests: [
      { answer: { fields: BRIEF } },
      { advance: LATER, answer: { fields: FRESH }, expect: { ...STALE, background: true } },
    ],
  },
]
