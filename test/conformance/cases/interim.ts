/** Interim answers (RFC 9110 §15.2, RFC 8297). */
import { type Case, FRESH, type InterimAnswer } from '../case.ts'

const FORWARDING = 'RFC 9110 §15.2'

const HINTS: InterimAnswer = { status: 103, fields: { Link: '</style.css>; rel=preload' } }

const forwarded = (id: string, what: string, interim: readonly InterimAnswer[]): Case => ({
  id: `interim-${id}`,
  kind: 'required',
  section: FORWARDING,
  what,
  requests: [
    {
      answer: { interim, fields: FRESH },
      expect: {
        status: 200,
        bodyOf: 0,
        interim: interim.map(({ status, fields = {} }) => ({ status, fields })),
      },
    },
  ],
})

export const interim: readonly Case[] = [
  forwarded('early-hints', 'a proxy forwards 103', [HINTS]),
  forwarded('processing', 'a proxy forwards 102', [{ status: 102 }]),
  forwarded('unknown', 'a proxy forwards interim answers it does not know', [
    { status: 199, fields: { 'X-Interim': 'yes' } },
  ]),
  forwarded('several', 'a proxy forwards them all, in their order', [
    { status: 102 },
    HINTS,
    { status: 103, fields: { Link: '</script.js>; rel=preload' } },
  ]),
  {
    id: 'interim-not-merged',
    kind: 'required',
    section: FORWARDING,
    what: 'fields of an interim answer are none of the final one',
    requests: [
      {
        answer: {
          interim: [{ status: 103, fields: { Link: '</a>; rel=preload', 'X-Interim': 'yes' } }],
          fields: FRESH,
        },
        expect: { status: 200, bodyOf: 0, fields: { Link: false, 'X-Interim': false } },
      },
    ],
  },
  {
    id: 'interim-not-stored',
    kind: 'required',
    section: 'RFC 9111 §3',
    what: 'only final answers are stored: what comes out of the store has nothing of an interim one',
    requests: [
      { answer: { interim: [{ status: 103, fields: { Link: '</a>; rel=preload' } }], fields: FRESH } },
      { expect: { status: 200, ifReused: { bodyOf: 0, fields: { Link: false } } } },
    ],
  },
  {
    id: 'interim-final-status-counts',
    kind: 'required',
    section: FORWARDING,
    what: 'a final answer with an error comes after interim ones as well',
    requests: [
      {
        answer: { status: 404, interim: [HINTS], fields: { 'Cache-Control': 'no-store' } },
        expect: { status: 404, bodyOf: 0 },
      },
    ],
  },
  {
    id: 'interim-lifetime-does-not-count',
    kind: 'required',
    section: 'RFC 9111 §3',
    what: 'a lifetime in an interim answer is none',
    requests: [
      { answer: { interim: [{ status: 103, fields: FRESH }], fields: { 'Cache-Control': 'no-store' } } },
      { expect: { asked: true, bodyOf: 1 } },
    ],
  },
  {
    id: 'interim-not-to-1.0',
    kind: 'required',
    section: FORWARDING,
    what: 'a client of HTTP/1.0 is sent no interim answer',
    requests: [
      { version: '1.0', answer: { interim: [HINTS], fields: FRESH }, expect: { status: 200, bodyOf: 0, interim: [] } },
    ],
  },
  {
    id: 'interim-connection-fields',
    kind: 'required',
    section: 'RFC 9110 §7.6.1',
    what: 'fields of the connection do not pass in interim answers either',
    requests: [
      {
        answer: {
          interim: [{ status: 103, fields: { Link: '</a>', Connection: 'X-Hop', 'X-Hop': '1' } }],
          fields: FRESH,
        },
        expect: { status: 200, interim: [{ status: 103, fields: { Link: '</a>', 'X-Hop': false } }] },
      },
    ],
  },
  {
    id: 'interim-then-broken',
    kind: 'required',
    section: 'RFC 9110 §15.6.3',
    what: 'where nothing final comes after an interim answer, the client gets an error',
    requests: [
      { answer: { raw: 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' }, expect: { status: [502, 503, 504] } },
    ],
  },
  {
    id: 'interim-on-a-hit',
    kind: 'optimal',
    section: 'RFC 8297 §2',
    what: 'an answer that came with early hints is stored all the same',
    requests: [{ answer: { interim: [HINTS], fields: FRESH } }, { expect: { asked: false, bodyOf: 0 } }],
  },
]
