/** Final statuses: passed on as they are (RFC 9110 §15), and stored where they may be (RFC 9111 §3, §4.2.2). */
import { BRIEF, type Case, FRESH, LATER, notReused, reused } from '../case.ts'

const HEURISTIC = 'RFC 9111 §4.2.2'
const STORING = 'RFC 9111 §3'

/** Made long ago and not changed since: any heuristic makes it fresh for a while. */
const OLD = { 'Last-Modified': '{t0-8640000}' }

/** RFC 9110 §15.1, without 206, which is a part. */
const HEURISTICALLY_CACHEABLE = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]

const NOT_HEURISTICALLY_CACHEABLE = [
  ...[201, 202, 205, 299, 302, 303, 307, 399, 400, 402, 403, 406, 409, 411, 412, 413, 415, 417, 418, 421, 422, 425],
  ...[428, 429, 431, 451, 499, 500, 502, 503, 504, 505, 511, 599],
]

/** With a lifetime any final status may be stored, but 206, 304, and those that forbid it (RFC 6585 §3 to §6). */
const STORED_WITH_LIFETIME = [
  ...[200, 201, 202, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 409, 410, 414, 418],
  ...[451, 500, 501, 502, 503, 504, 599],
]

const PASSED_ON = [
  ...[200, 201, 202, 203, 204, 205, 299, 300, 301, 302, 303, 305, 307, 308, 399, 400, 401, 402, 403, 404, 405, 406],
  ...[408, 409, 410, 411, 412, 413, 414, 415, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500],
  ...[501, 502, 503, 504, 505, 506, 507, 508, 511, 599],
]

/** They are no statuses, but there are origins that use them. */
const BEYOND = [600, 650, 799, 999]

const hasNoBody = (status: number) => status === 204 || status === 205

/** Fields without which an answer of that status is none. */
function fieldsOf(status: number): Record<string, string> {
  if (status >= 300 && status < 309 && status !== 304) return { Location: '{base}/elsewhere' }
  if (status === 401) return { 'WWW-Authenticate': 'Basic realm="x"' }
  if (status === 405) return { Allow: 'GET, HEAD' }
  if (status === 426) return { Upgrade: 'h2c' }
  return {}
}

const answerOf = (status: number, fields: Readonly<Record<string, string>>) => ({
  status,
  fields: { ...fieldsOf(status), ...fields },
  ...(hasNoBody(status) && { body: '' }),
})

const passedOn = (status: number): Case => ({
  id: `status-${status}`,
  kind: status < 600 ? 'required' : 'optimal',
  section: 'RFC 9110 §15',
  what: `a final status ${status} is passed on as it is, with its content`,
  requests: [
    {
      answer: answerOf(status, { 'Cache-Control': 'no-store', 'X-Kept': 'yes' }),
      expect: { asked: 1, status, fields: { 'X-Kept': 'yes' }, bodyOf: 0 },
    },
  ],
})

export const statuses: readonly Case[] = [
  ...[...PASSED_ON, ...BEYOND].map(passedOn),
  ...HEURISTICALLY_CACHEABLE.map((status) =>
    reused({
      id: `heuristic-${status}`,
      kind: 'optimal',
      section: HEURISTIC,
      what: `a ${status} without a lifetime may be given a heuristic one`,
      answer: answerOf(status, OLD),
      expect: { status },
    }),
  ),
  ...NOT_HEURISTICALLY_CACHEABLE.map((status) =>
    notReused({
      id: `no-heuristic-${status}`,
      kind: 'required',
      section: HEURISTIC,
      what: `a ${status} without a lifetime gets no heuristic one`,
      answer: answerOf(status, OLD),
    }),
  ),
  ...STORED_WITH_LIFETIME.map((status) =>
    reused({
      id: `lifetime-${status}`,
      kind: 'optimal',
      section: STORING,
      what: `a ${status} with a lifetime may be stored`,
      answer: answerOf(status, FRESH),
      expect: { status },
    }),
  ),
  ...[200, 301, 404, 410].map((status) =>
    notReused({
      id: `no-heuristic-beside-max-age-${status}`,
      kind: 'required',
      section: HEURISTIC,
      what: 'no heuristic is used where a lifetime is stated',
      answer: answerOf(status, { ...OLD, ...BRIEF }),
      second: { advance: LATER },
    }),
  ),
  ...[200, 404].map((status) =>
    notReused({
      id: `no-heuristic-beside-expires-${status}`,
      kind: 'required',
      section: HEURISTIC,
      what: 'no heuristic is used where Expires is there, even a broken one',
      answer: answerOf(status, { ...OLD, Expires: '0' }),
    }),
  ),
  ...[201, 302, 403, 500].map((status) =>
    reused({
      id: `public-heuristic-${status}`,
      kind: 'optimal',
      section: HEURISTIC,
      what: `public allows a heuristic lifetime for ${status} as well`,
      answer: answerOf(status, { ...OLD, 'Cache-Control': 'public' }),
      expect: { status },
    }),
  ),
  notReused({
    id: 'status-304-is-never-stored',
    kind: 'required',
    section: STORING,
    what: 'a 304 that answers a condition of the client is not stored as an answer to others',
    answer: { status: 304, fields: { ...FRESH, ETag: '"a"' } },
    first: { fields: { 'If-None-Match': '"a"' } },
    expect: { status: 200 },
  }),
  {
    id: 'status-304-is-passed-on',
    kind: 'required',
    section: 'RFC 9111 §4.3.3',
    what: 'a 304 to a condition of the client itself goes to the client',
    requests: [
      {
        fields: { 'If-None-Match': '"a"' },
        answer: { fields: { ...FRESH, ETag: '"a"' }, evaluates: true },
        expect: { status: 304, body: '', fields: { ETag: '"a"' } },
      },
    ],
  },
  {
    id: 'status-416-says-how-long',
    kind: 'required',
    section: 'RFC 9110 §15.5.17',
    what: 'a 416 of the origin goes to the client; Range may also be ignored',
    requests: [
      {
        fields: { Range: 'bytes=100-' },
        answer: { body: '0123456789', fields: FRESH, evaluates: true },
        expect: { status: [200, 416], ifStatus: { 416: { fields: { 'Content-Range': 'bytes */10' } } } },
      },
    ],
  },
]
