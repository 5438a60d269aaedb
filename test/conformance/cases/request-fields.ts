/** Fields of requests on their way to the origin: which stay, which go, which are added (RFC 9110 §5, §7.6). */
import type { Case, Fields, Match } from '../case.ts'

const CONNECTION = 'RFC 9110 §7.6.1'
const VIA = 'RFC 9110 §7.6.3'

type Matches = Readonly<Record<string, Match>>

const toOrigin = (
  id: string,
  kind: Case['kind'],
  section: string,
  what: string,
  fields: Fields,
  seen: Matches,
): Case => ({
  id: `request-${id}`,
  kind,
  section,
  what,
  requests: [{ fields, expect: { origin: { fields: seen } } }],
})

/** Fields of a connection: name, a value it may have. Transfer-Encoding and Upgrade would change how the rest is read. */
export const OF_CONNECTION: readonly (readonly [string, string])[] = [
  ['Keep-Alive', 'timeout=5'],
  ['Proxy-Connection', 'keep-alive'],
]

export const requestFields: readonly Case[] = [
  toOrigin(
    'end-to-end',
    'required',
    'RFC 9110 §5.1',
    'a proxy passes on fields it does not know',
    { 'X-Kept': 'yes' },
    { 'X-Kept': 'yes' },
  ),
  toOrigin(
    'several-lines',
    'required',
    'RFC 9110 §5.3',
    'the order of lines of one field is kept',
    { 'X-Kept': ['1', '2', '3'] },
    { 'X-Kept': /^1, ?2, ?3$/ },
  ),
  toOrigin(
    'connection-listed',
    'required',
    CONNECTION,
    'a field that Connection names goes no further',
    { Connection: 'close, X-Hop', 'X-Hop': '1', 'X-Kept': 'yes' },
    { 'X-Hop': false, 'X-Kept': 'yes' },
  ),
  toOrigin(
    'connection-listed-case',
    'required',
    CONNECTION,
    'Connection names fields without case',
    { Connection: 'close, x-HOP', 'X-Hop': '1' },
    { 'X-Hop': false },
  ),
  toOrigin(
    'connection-listed-lines',
    'required',
    CONNECTION,
    'Connection may have several lines',
    { Connection: ['close', 'X-Hop'], 'X-Hop': '1' },
    { 'X-Hop': false },
  ),
  toOrigin(
    'connection-itself',
    'required',
    CONNECTION,
    'what the client says about its connection is not passed on',
    { Connection: 'close, x-word' },
    { Connection: /^(?!.*x-word)/ },
  ),
  ...OF_CONNECTION.map(([name, value]) =>
    toOrigin(
      name.toLowerCase(),
      'optimal',
      CONNECTION,
      `${name} goes no further`,
      { [name]: value },
      { [name]: false },
    ),
  ),
  toOrigin(
    'te',
    'required',
    'RFC 9110 §10.1.4',
    'TE is about this connection',
    { Connection: 'close, TE', TE: 'trailers;q=0.5' },
    { TE: /^(?!.*q=0\.5)/ },
  ),
  toOrigin(
    'upgrade',
    'required',
    'RFC 9110 §7.8',
    'Upgrade is about this connection',
    { Connection: 'close, Upgrade', Upgrade: 'x-protocol' },
    { Upgrade: false },
  ),
  toOrigin('via', 'required', VIA, 'a gateway says in Via that it was there', {}, { Via: /^(?:HTTP\/)?1\.1 \S+/i }),
  toOrigin(
    'via-kept',
    'required',
    VIA,
    'a gateway adds itself behind those that were there before',
    { Via: '1.0 first' },
    { Via: /^1\.0 first, ?(?:HTTP\/)?1\.1 \S+/i },
  ),
  toOrigin('via-version', 'optimal', VIA, 'Via has the version of the message received', {}, { Via: /^1\.1 / }),
  toOrigin(
    'authorization',
    'required',
    'RFC 9110 §11.6.2',
    'a proxy does not touch Authorization',
    { Authorization: 'Basic  YTph==, odd="x"' },
    { Authorization: 'Basic  YTph==, odd="x"' },
  ),
  toOrigin(
    'cookie',
    'required',
    'RFC 9110 §5.1',
    'Cookie goes to the origin',
    { Cookie: 'a=1; b=2' },
    { Cookie: 'a=1; b=2' },
  ),
  toOrigin(
    'accept',
    'optimal',
    'RFC 9110 §14.2',
    'fields that belong to the origin reach it',
    { Accept: 'text/plain;q=0.5, */*' },
    { Accept: 'text/plain;q=0.5, */*' },
  ),
  toOrigin(
    'bytes-beyond-ascii',
    'optimal',
    'RFC 9110 §5.5',
    'bytes beyond ASCII in a value are opaque',
    { 'X-Kept': 'caf\u00e9' },
    { 'X-Kept': 'caf\u00e9' },
  ),
]
