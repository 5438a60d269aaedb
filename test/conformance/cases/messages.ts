/** Targets sent on as they came, framing, and answers that are broken (RFC 9110 §7.1, RFC 9112 §3.2, §6.3). */
import { type Case, FRESH, notReused, type OriginAnswer } from '../case.ts'

const TARGET = 'RFC 9110 §4.2.3'
const FRAMING = 'RFC 9112 §6.3'

/** Two ways to write a path that are not known to mean the same to the origin. */
const VERBATIM: readonly (readonly [id: string, path: string])[] = [
  ['escaped-slash', '/a%2Fb'],
  ['lower-case-escape', '/a%2fb'],
  ['escaped-space', '/a%20b'],
  ['two-slashes', '/a//b'],
  ['slash-at-end', '/a/'],
  ['semicolon', '/a;x=1,2'],
  ['tilde', '/~a'],
  ['utf-8', '/%E2%82%AC'],
  ['not-utf-8', '/%FF'],
  ['needless-escape', '/%61'],
  ['punctuation', "/a!$&'()*+,;=:@"],
  ['query', '?a=1&b=2'],
  ['empty-query', '?'],
  ['query-escapes', '?a=%20+%2B&a=%zz'],
  ['query-slashes', '?/a/../b//c?d'],
]

const DIFFERENT: readonly (readonly [id: string, one: string, other: string])[] = [
  ['query', '?a=1', '?a=2'],
  ['query-and-none', '', '?a=1'],
  ['path-case', '/a', '/A'],
  ['slash-at-end', '/a', '/a/'],
  ['query-case', '?a=1', '?A=1'],
  ['query-order', '?a=1&b=2', '?b=2&a=1'],
]

/** The origin breaks off, or says what no one can read. */
const BROKEN: readonly (readonly [id: string, section: string, what: string, answer: OriginAnswer])[] = [
  [
    'reset',
    'RFC 9110 §15.6.3',
    'where the origin resets the connection, the client gets an answer',
    { failure: 'reset' },
  ],
  [
    'close',
    'RFC 9110 §15.6.3',
    'where the origin closes the connection, the client gets an answer',
    { failure: 'close' },
  ],
  ['garbage', 'RFC 9110 §15.6.3', 'what is no HTTP is not passed on', { raw: 'this is no HTTP at all\r\n\r\n' }],
  [
    'lengths',
    FRAMING,
    'two different Content-Length are an error',
    { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhello' },
  ],
  [
    'length-word',
    FRAMING,
    'a Content-Length that is no number is an error',
    { raw: 'HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello' },
  ],
  [
    'length-negative',
    FRAMING,
    'a negative Content-Length is an error',
    { raw: 'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello' },
  ],
]

export const messages: readonly Case[] = [
  ...VERBATIM.map(
    ([id, path]): Case => ({
      id: `target-${id}`,
      kind: 'required',
      section: 'RFC 9112 §3.2.1',
      what: `a path and query are sent on as they came: ${path}`,
      requests: [{ path, answer: { fields: FRESH }, expect: { status: 200, bodyOf: 0, origin: { path } } }],
    }),
  ),
  ...DIFFERENT.map(([id, one, other]) =>
    notReused({
      id: `key-${id}`,
      kind: 'required',
      section: TARGET,
      what: `${one === '' ? 'no query' : one} and ${other} are two URIs`,
      answer: { fields: FRESH },
      first: { path: one },
      second: { path: other },
    }),
  ),
  {
    id: 'absolute-form',
    kind: 'required',
    section: 'RFC 9112 §3.2.2',
    what: 'a server takes the absolute form of a target',
    requests: [{ absoluteForm: true, answer: { fields: FRESH }, expect: { status: 200, bodyOf: 0 } }],
  },
  {
    id: 'absolute-form-same-key',
    kind: 'optimal',
    section: 'RFC 9112 §3.2.2',
    what: 'the absolute form names the same URI',
    requests: [{ answer: { fields: FRESH } }, { absoluteForm: true, expect: { asked: false, bodyOf: 0 } }],
  },
  ...BROKEN.map(
    ([id, section, what, answer]): Case => ({
      id: `broken-${id}`,
      kind: 'required',
      section,
      what,
      requests: [
        { answer, expect: { status: [500, 502, 503, 504] } },
        { answer: { fields: FRESH }, expect: { status: 200, bodyOf: 1 } },
      ],
    }),
  ),
  {
    id: 'broken-not-stored',
    kind: 'required',
    section: 'RFC 9111 §3',
    what: 'an error the cache made itself is not served once the origin answers',
    requests: [
      { answer: { failure: 'reset' } },
      { answer: { fields: FRESH }, expect: { asked: true, status: 200, bodyOf: 1 } },
    ],
  },
  {
    id: 'broken-timeout',
    kind: 'required',
    section: 'RFC 9110 §15.6.5',
    what: 'where the origin does not answer in time, the client gets 504',
    needsFakeClock: true,
    requests: [{ advanceWhileWaiting: 120, answer: { failure: 'stall' }, expect: { status: 504 } }],
  },
  {
    id: 'framing-chunks-to-1.0',
    kind: 'required',
    section: 'RFC 9112 §6.1',
    what: 'a client of HTTP/1.0 is sent no chunks',
    requests: [
      {
        version: '1.0',
        answer: { fields: { 'Cache-Control': 'no-store' }, framing: 'chunked' },
        expect: { status: 200, bodyOf: 0, fields: { 'Transfer-Encoding': false } },
      },
    ],
  },
  {
    id: 'framing-both',
    kind: 'required',
    section: FRAMING,
    what: 'Transfer-Encoding overrides Content-Length, which is not passed on beside it',
    requests: [
      {
        answer: {
          raw: 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
        },
        expect: { status: [200, 502, 503], ifStatus: { 200: { body: 'hello', fields: { 'Content-Length': /^5?$/ } } } },
      },
    ],
  },
  {
    id: 'framing-bytes-behind-the-end',
    kind: 'required',
    section: FRAMING,
    what: 'bytes behind the announced length are no part of the answer',
    requests: [
      {
        answer: { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more' },
        expect: { status: [200, 502, 503], ifStatus: { 200: { body: 'hello' } } },
      },
    ],
  },
  {
    id: 'framing-trailers-not-merged',
    kind: 'required',
    section: 'RFC 9110 §6.5.1',
    what: 'trailer fields are not merged into the header',
    requests: [
      {
        answer: { fields: FRESH, framing: 'chunked', trailers: { 'X-Trailer': 'yes' } },
        expect: { bodyOf: 0, fields: { 'X-Trailer': false } },
      },
      { expect: { ifReused: { bodyOf: 0, fields: { 'X-Trailer': false } } } },
    ],
  },
  {
    id: 'framing-trailer-cache-control',
    kind: 'required',
    section: 'RFC 9110 §6.5.1',
    what: 'a Cache-Control in the trailer gives no lifetime',
    requests: [
      {
        answer: {
          fields: { 'Cache-Control': 'max-age=0' },
          framing: 'chunked',
          trailers: { 'Cache-Control': 'max-age=3600' },
        },
      },
      { expect: { asked: true, bodyOf: 1 } },
    ],
  },
  {
    id: 'framing-folded-line',
    kind: 'required',
    section: 'RFC 9112 §5.2',
    what: 'a folded line is joined or refused, never passed on as it is',
    requests: [
      {
        answer: { raw: 'HTTP/1.1 200 OK\r\nX-Folded: one\r\n two\r\nContent-Length: 5\r\n\r\nhello' },
        expect: { status: [200, 502, 503], ifStatus: { 200: { body: 'hello', fields: { 'X-Folded': /^one +two$/ } } } },
      },
    ],
  },
]
