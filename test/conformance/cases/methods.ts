/** GET and HEAD share what is stored; other methods do not (RFC 9110 §9, RFC 9111 §4.3.5). */
import { BRIEF, type Case, FRESH, LATER, reused, whenReused } from '../case.ts'
import { ALL_METHODS } from './invalidation.ts'

const HEAD = 'RFC 9110 §9.3.2'
const UPDATING = 'RFC 9111 §4.3.5'

export const methods: readonly Case[] = [
  reused({
    id: 'head-from-stored-get',
    kind: 'optimal',
    section: HEAD,
    what: 'HEAD is answered from a stored answer to GET',
    answer: { fields: { ...FRESH, 'X-Kept': 'yes' } },
    second: { method: 'HEAD' },
    expect: { status: 200, body: '', fields: { 'X-Kept': 'yes' } },
  }),
  whenReused({
    id: 'head-same-fields',
    kind: 'optimal',
    section: HEAD,
    what: 'HEAD has the Content-Length that GET would have',
    answer: { fields: { ...FRESH, ETag: '"a"' }, body: 'ten bytes.' },
    second: { method: 'HEAD' },
    expect: { status: 200, body: '', fields: { 'Content-Length': '10', ETag: '"a"' } },
  }),
  {
    id: 'head-has-no-content',
    kind: 'required',
    section: HEAD,
    what: 'an answer to HEAD ends with its fields',
    requests: [{ method: 'HEAD', answer: { fields: FRESH }, expect: { status: 200, body: '' } }],
  },
  {
    id: 'head-of-error-has-no-content',
    kind: 'required',
    section: HEAD,
    what: 'so does an error',
    requests: [{ method: 'HEAD', answer: { status: 404, fields: FRESH }, expect: { status: 404, body: '' } }],
  },
  {
    id: 'head-asks-with-head',
    kind: 'optimal',
    section: HEAD,
    what: 'HEAD of what is not stored costs the origin no body',
    requests: [
      { method: 'HEAD', answer: { fields: { 'Cache-Control': 'no-store' } }, expect: { origin: { method: 'HEAD' } } },
    ],
  },
  {
    id: 'head-is-not-get',
    kind: 'required',
    section: HEAD,
    what: 'what HEAD brought is no answer to GET',
    requests: [
      { method: 'HEAD', answer: { fields: FRESH, body: 'whole' } },
      { answer: { fields: FRESH, body: 'whole' }, expect: { status: 200, body: 'whole' } },
    ],
  },
  {
    id: 'head-is-not-get-404',
    kind: 'required',
    section: HEAD,
    what: 'what HEAD brought is no answer to GET, also when it is an error',
    requests: [
      { method: 'HEAD', answer: { status: 404, fields: FRESH, body: 'not here' } },
      { answer: { status: 404, fields: FRESH, body: 'not here' }, expect: { status: 404, body: 'not here' } },
    ],
  },
  {
    id: 'head-without-length',
    kind: 'required',
    section: HEAD,
    what: 'an answer to HEAD needs no length to be whole',
    requests: [
      {
        method: 'HEAD',
        answer: { fields: { ...FRESH, 'X-Kept': 'yes' }, framing: 'chunked' },
        expect: { status: 200, body: '', fields: { 'X-Kept': 'yes' } },
      },
    ],
  },
  {
    id: 'head-updates',
    kind: 'optimal',
    section: UPDATING,
    what: 'HEAD of a stale answer that has not changed makes it fresh',
    requests: [
      { answer: { fields: { ...BRIEF, ETag: '"a"' }, body: 'the same', evaluates: true } },
      {
        method: 'HEAD',
        advance: LATER,
        answer: { fields: { ...FRESH, ETag: '"a"', 'X-New': 'yes' }, body: 'the same', evaluates: true },
      },
      { expect: { asked: false, body: 'the same', fields: { 'X-New': 'yes' } } },
    ],
  },
  {
    id: 'head-invalidates',
    kind: 'optimal',
    section: UPDATING,
    what: 'HEAD that shows another validator makes what is stored stale',
    requests: [
      { answer: { fields: { ...BRIEF, ETag: '"a"' }, body: 'old' } },
      { method: 'HEAD', advance: LATER, answer: { fields: { ...FRESH, ETag: '"b"' }, body: 'new!', evaluates: true } },
      {
        answer: { fields: { ...FRESH, ETag: '"b"' }, body: 'new!', evaluates: true },
        expect: { status: 200, body: 'new!' },
      },
    ],
  },
  {
    id: 'head-other-length',
    kind: 'required',
    section: UPDATING,
    what: 'HEAD never changes the length of what is stored',
    requests: [
      { answer: { fields: BRIEF, body: 'ten bytes.' } },
      { method: 'HEAD', advance: LATER, answer: { fields: FRESH, body: 'longer than ten' } },
      {
        answer: { fields: FRESH, body: 'longer than ten' },
        expect: { status: 200, ifReused: { body: /^(ten bytes\.|longer than ten)$/ } },
      },
    ],
  },
  {
    id: 'get-stays-after-head',
    kind: 'optimal',
    section: HEAD,
    what: 'HEAD takes nothing from what is stored',
    requests: [{ answer: { fields: FRESH } }, { method: 'HEAD' }, { expect: { asked: false, bodyOf: 0 } }],
  },
  ...['OPTIONS', 'TRACE'].map(
    (method): Case => ({
      id: `max-forwards-zero-${method.toLowerCase()}`,
      kind: 'required',
      section: 'RFC 9110 §7.6.2',
      what: `${method} with Max-Forwards: 0 goes no further`,
      requests: [{ method, fields: { 'Max-Forwards': '0' }, expect: { asked: false } }],
    }),
  ),
  {
    id: 'safe-method-leaves-store',
    kind: 'optimal',
    section: 'RFC 9111 §4.4',
    what: 'a safe method invalidates nothing',
    requests: [{ answer: { fields: FRESH } }, { method: 'OPTIONS' }, { expect: { asked: false, bodyOf: 0 } }],
  },
  ...['POST', 'PUT', 'DELETE', 'PATCH', 'LINK', 'FOO'].map(
    (method): Case => ({
      id: `method-passed-on-${method.toLowerCase()}`,
      kind: 'required',
      section: 'RFC 9110 §9.1',
      what: `${method} reaches the origin as it is, with its content and fields`,
      route: { methods: ALL_METHODS },
      requests: [
        {
          method,
          content: 'some content',
          fields: { 'Content-Type': 'text/plain', 'X-Kept': 'yes' },
          answer: { status: 200, fields: { 'X-Back': 'yes' } },
          expect: {
            asked: 1,
            bodyOf: 0,
            fields: { 'X-Back': 'yes' },
            origin: { method, content: 'some content', fields: { 'Content-Type': 'text/plain', 'X-Kept': 'yes' } },
          },
        },
      ],
    }),
  ),
  {
    id: 'method-is-case-sensitive',
    kind: 'required',
    section: 'RFC 9110 §9.1',
    what: 'methods are case-sensitive: get is not GET, and is not answered from the store',
    requests: [{ answer: { fields: FRESH } }, { method: 'get', expect: { ifReused: { status: [400, 405, 501] } } }],
  },
]
