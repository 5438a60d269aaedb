/** Fields of answers on their way to the client, and into the store and out of it (RFC 9110 §5, §7.6, RFC 9111 §3.1). */
import { type Case, type Fields, FRESH, type Match, whenReused } from '../case.ts'
import { OF_CONNECTION } from './request-fields.ts'

const CONNECTION = 'RFC 9110 §7.6.1'
const STORED = 'RFC 9111 §3.1'
const VIA = 'RFC 9110 §7.6.3'

type Matches = Readonly<Record<string, Match>>

const toClient = (
  id: string,
  kind: Case['kind'],
  section: string,
  what: string,
  fields: Fields,
  seen: Matches,
): Case => ({
  id: `answer-${id}`,
  kind,
  section,
  what,
  requests: [
    {
      answer: { fields: { 'Cache-Control': 'no-store', ...fields } },
      expect: { status: 200, bodyOf: 0, fields: seen },
    },
  ],
})

const fromStore = (id: string, section: string, what: string, fields: Fields, seen: Matches): Case =>
  whenReused({
    id: `stored-${id}`,
    kind: 'required',
    section,
    what,
    answer: { fields: { ...FRESH, ...fields } },
    expect: { bodyOf: 0, fields: seen },
  })

export const answerFields: readonly Case[] = [
  toClient(
    'end-to-end',
    'required',
    'RFC 9110 §5.1',
    'fields that are not known reach the client',
    { 'X-Kept': 'yes' },
    { 'X-Kept': 'yes' },
  ),
  toClient(
    'several-lines',
    'required',
    'RFC 9110 §5.3',
    'the order of lines of one field is kept',
    { 'X-Kept': ['1', '2', '3'] },
    { 'X-Kept': /^1, ?2, ?3$/ },
  ),
  toClient(
    'connection-listed',
    'required',
    CONNECTION,
    'a field that Connection names does not reach the client',
    { Connection: 'X-Hop', 'X-Hop': '1', 'X-Kept': 'yes' },
    { 'X-Hop': false, 'X-Kept': 'yes' },
  ),
  toClient(
    'connection-listed-case',
    'required',
    CONNECTION,
    'Connection names fields without case',
    { Connection: 'x-HOP', 'X-Hop': '1' },
    { 'X-Hop': false },
  ),
  ...OF_CONNECTION.map(([name, value]) =>
    toClient(
      name.toLowerCase(),
      'optimal',
      CONNECTION,
      `the origin's ${name} does not reach the client`,
      { [name]: value },
      { [name]: new RegExp(`^(?!${value}$)`) },
    ),
  ),
  toClient('via', 'optimal', VIA, 'a gateway may say in answers that it was there', {}, { Via: /1\.1 \S+/ }),
  toClient(
    'via-kept',
    'required',
    VIA,
    'what Via says of those before is kept',
    { Via: '1.0 first' },
    { Via: /^1\.0 first/ },
  ),
  toClient(
    'www-authenticate',
    'required',
    'RFC 9110 §11.6.1',
    'a proxy does not touch WWW-Authenticate',
    { 'WWW-Authenticate': 'Basic realm="a, b",  Digest x="y"' },
    { 'WWW-Authenticate': 'Basic realm="a, b",  Digest x="y"' },
  ),
  toClient(
    'set-cookie-lines',
    'required',
    'RFC 9110 §5.3',
    'several Set-Cookie are never joined',
    { 'Set-Cookie': ['a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT', 'b=2'] },
    { 'Set-Cookie': ['a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT', 'b=2'] },
  ),
  toClient(
    'content-encoding',
    'required',
    'RFC 9110 §8.4',
    'what the origin has encoded says so',
    { 'Content-Encoding': 'x-odd' },
    { 'Content-Encoding': 'x-odd' },
  ),
  toClient(
    'content-type',
    'required',
    'RFC 9110 §8.3',
    "Content-Type is the origin's",
    { 'Content-Type': 'text/plain;charset="x"' },
    { 'Content-Type': 'text/plain;charset="x"' },
  ),
  toClient(
    'bytes-beyond-ascii',
    'optimal',
    'RFC 9110 §5.5',
    'bytes beyond ASCII in a value are opaque',
    { 'X-Kept': 'caf\u00e9' },
    { 'X-Kept': 'caf\u00e9' },
  ),
  toClient(
    'empty-field',
    'optimal',
    'RFC 9110 §5.5',
    'an empty field is a field',
    { 'X-Empty': '' },
    { 'X-Empty': '' },
  ),

  fromStore(
    'unknown-fields',
    STORED,
    'all fields are stored, also those that are not known',
    { 'X-Kept': 'yes', 'X-More': 'a, b' },
    { 'X-Kept': 'yes', 'X-More': 'a, b' },
  ),
  fromStore(
    'several-lines',
    STORED,
    'several lines of a field are stored',
    { 'X-Kept': ['1', '2'] },
    { 'X-Kept': /^1, ?2$/ },
  ),
  fromStore(
    'connection-listed',
    STORED,
    'a field that Connection names is not stored',
    { Connection: 'X-Hop', 'X-Hop': '1' },
    { 'X-Hop': false },
  ),
  fromStore(
    'proxy-authenticate',
    STORED,
    'Proxy-Authenticate is not stored',
    { 'Proxy-Authenticate': 'Basic realm="x"' },
    { 'Proxy-Authenticate': false },
  ),
  fromStore(
    'proxy-authentication-info',
    STORED,
    'Proxy-Authentication-Info is not stored',
    { 'Proxy-Authentication-Info': 'x="y"' },
    { 'Proxy-Authentication-Info': false },
  ),
  fromStore(
    'proxy-authorization',
    STORED,
    'Proxy-Authorization is not stored',
    { 'Proxy-Authorization': 'x' },
    { 'Proxy-Authorization': false },
  ),
  fromStore(
    'keep-alive',
    STORED,
    'Keep-Alive is not stored',
    { Connection: 'keep-alive', 'Keep-Alive': 'timeout=99' },
    { 'Keep-Alive': /^(?!timeout=99$)/ },
  ),
  fromStore(
    'content-fields',
    STORED,
    'fields about the content are stored',
    { 'Content-Type': 'text/odd', 'Content-Language': 'de', 'Content-Disposition': 'inline' },
    { 'Content-Type': 'text/odd', 'Content-Language': 'de', 'Content-Disposition': 'inline' },
  ),
  fromStore(
    'validators',
    STORED,
    'validators are stored',
    { ETag: 'W/"a"', 'Last-Modified': '{t0-1000}' },
    { ETag: 'W/"a"', 'Last-Modified': '{t0-1000}' },
  ),
  fromStore(
    'link',
    STORED,
    'Link is stored',
    { Link: ['</a>; rel=preload', '</b>; rel=preload'] },
    { Link: /^<\/a>; rel=preload, ?<\/b>; rel=preload$/ },
  ),
]
