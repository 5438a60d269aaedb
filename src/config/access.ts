/**
 * Access in the file: whom a route answers.
 *
 * Invariant: whatever is accepted here keeps somebody out. A route whose rules would let everybody in by mistake, or
 * nobody, is a problem of the file.
 */

import * as z from 'zod'
import { secureLinkFault } from '../http/secure-link-expression.ts'
import { parseSite } from '../http/site.ts'
import { isToken } from '../http/syntax.ts'
import { network } from './address.ts'
import { filledText, flag, oneOf, textThat } from './kinds.ts'
import type { Kind, Reading } from './option.ts'
import { EVEN_IF_WRONG, list, option, optionWithDefault, section, table } from './option.ts'

/** Half of what HMAC-SHA256 gives; shorter keys can be guessed by trying. */
const MIN_KEY_BYTES = 16
const NAME = /^[A-Za-z0-9_-]+$/
const CLIENT_IP =
  'true: a token has to name the address of its client. One that does is good for that client only, whatever stands here.'

const keyOfOurs = textThat(
  (written) =>
    Buffer.byteLength(written) >= MIN_KEY_BYTES
      ? { value: written }
      : { fault: `expected a key of at least ${MIN_KEY_BYTES} bytes; openssl rand -hex 32 makes one` },
  { minLength: 1 },
)
const hexKey = textThat(
  (written): Reading<string> =>
    /^(?:[0-9A-Fa-f]{2})+$/.test(written)
      ? { value: written }
      : { fault: 'expected a key of hex digits, two for each byte' },
)
const parameterName = textThat((written) =>
  NAME.test(written) ? { value: written } : { fault: 'expected a name of letters, digits, dashes and underscores' },
)
const fieldName = textThat((written) =>
  isToken(written) ? { value: written } : { fault: 'expected the name of a header field' },
)
const secret = textThat((written) =>
  /^[\x21-\x7e]+$/.test(written) && written.length >= MIN_KEY_BYTES
    ? { value: written }
    : { fault: `expected at least ${MIN_KEY_BYTES} letters, digits and signs of ASCII without spaces` },
)
const expression = textThat((written): Reading<string> => {
  const fault = secureLinkFault(written)
  return fault === undefined ? { value: written } : { fault }
})
const site = textThat((written): Reading<string> => {
  const value = parseSite(written)
  const isSite = value !== undefined && value !== '*'
  return isSite ? { value } : { fault: 'expected a site, such as https://example.com or https://*.example.com' }
})

/** One place or several; always a list in the end, in the order in which they are looked into. */
function places<const Place extends string>(words: readonly Place[]): Kind<readonly Place[]> {
  const one = oneOf(words)
  return {
    read: (value) => {
      const written: readonly unknown[] = Array.isArray(value) ? value : [value]
      const readings = written.map(one.read)
      const read = readings.flatMap((reading) => ('value' in reading ? [reading.value] : []))
      if (read.length < readings.length || read.length === 0)
        return { fault: `expected ${words.join(', ')}, or a list of them` }
      return new Set(read).size === read.length ? { value: read } : { fault: 'names a place twice' }
    },
    jsonSchema: {
      anyOf: [one.jsonSchema, { type: 'array', items: { enum: words }, minItems: 1, uniqueItems: true }],
    },
  }
}

function keys(key: Kind<string>, description: string) {
  return table(
    /^[A-Za-z][A-Za-z0-9]{0,31}$/,
    'is no name for a key: letters and digits make one, and a letter is the first',
    option(key, 'The key.'),
  )
    .superRefine((written, context) => {
      if (Object.keys(written).length > 0) return
      context.addIssue({ code: 'custom', message: 'expected at least one key' })
    })
    .meta({ description, minProperties: 1 })
}

const hmac = section({
  scheme: z.literal('hmac').meta({ description: 'Our own: HMAC-SHA256.' }),
  in: optionWithDefault(
    places(['path', 'query', 'cookie']),
    'Where a token is carried. path: as the first segment, /token=…/vod/a.m3u8, from which relative URLs in playlists inherit it. query: as a parameter. cookie: as a cookie.',
    'path',
  ),
  name: optionWithDefault(parameterName, 'What it is called there.', 'token'),
  keys: keys(
    keyOfOurs,
    'Keys that tokens may be signed with, each under a name of your choice, which is part of the token; segment-shield sign takes the first. To replace one, add the new one in front, and take the old one away when its tokens are over. At least 16 bytes each.',
  ),
  clientIp: optionWithDefault(flag, CLIENT_IP, false),
}).meta({ description: 'Tokens that segment-shield sign makes.' })

const secureLink = section({
  scheme: z.literal('secure-link').meta({ description: 'secure_link and secure_link_md5 of nginx.' }),
  expression: optionWithDefault(
    expression,
    'What secure_link_md5 says, with $key in place of the secret. Known are $secure_link_expires, $uri, $remote_addr and $key; all but $remote_addr are needed.',
    '$secure_link_expires$uri $key',
  ),
  name: optionWithDefault(parameterName, 'Query parameter of the hash.', 'md5'),
  expiresName: optionWithDefault(parameterName, 'Query parameter of the second at which the link ends.', 'expires'),
  keys: keys(filledText, 'What $key may be, each under a name of your choice.'),
}).meta({ description: 'Links made for nginx. Each is for one path.' })

const edgeauth = section({
  scheme: z.literal('edgeauth').meta({ description: 'EdgeAuth 2.0 of Akamai, with HMAC-SHA256.' }),
  in: optionWithDefault(places(['query', 'cookie', 'header']), 'Where a token is carried.', 'query'),
  name: optionWithDefault(parameterName, 'What it is called there.', '__token__'),
  keys: keys(hexKey, 'Keys in hex, each under a name of your choice.'),
  salt: option(filledText, 'Signed with every token. Default: none.').optional(),
  clientIp: optionWithDefault(flag, CLIENT_IP, false),
}).meta({ description: 'Tokens made for Akamai.' })

const bunny = section({
  scheme: z.literal('bunny').meta({ description: 'Advanced token authentication of Bunny: HS256 and SHA-256.' }),
  in: optionWithDefault(
    places(['path', 'query']),
    'Where a token is carried. path: /bcdn_token=…/vod/a.m3u8. query: as token, expires and token_path.',
    ['path', 'query'],
  ),
  keys: keys(filledText, 'Keys, each under a name of your choice.'),
  clientIp: optionWithDefault(flag, CLIENT_IP, false),
}).meta({ description: 'Tokens made for Bunny. One that is restricted to countries is refused.' })

const tokens = z
  .discriminatedUnion('scheme', [hmac, secureLink, edgeauth, bunny], {
    error: (issue) =>
      typeof issue.input === 'object' && issue.input !== null
        ? 'expected hmac, secure-link, edgeauth or bunny'
        : 'expected a mapping',
  })
  .optional()
  .meta({ description: 'Signed URLs: a request without a token that is good for its path is answered 403.' })

const networks = section({
  allow: z
    .array(option(network, 'An address or a network.'), { error: 'expected a list of addresses and networks' })
    .prefault([])
    .meta({ description: 'Who may ask. Default: everybody who is not denied.' }),
  deny: z
    .array(option(network, 'An address or a network.'), { error: 'expected a list of addresses and networks' })
    .prefault([])
    .meta({ description: 'Who may not, allowed or not. Default: nobody.' }),
})
  .superRefine(({ allow, deny }, context) => {
    if (!Array.isArray(allow) || !Array.isArray(deny) || allow.length + deny.length > 0) return
    context.addIssue({ code: 'custom', message: 'expected a network to allow or to deny' })
  }, EVEN_IF_WRONG)
  .optional()
  .meta({
    description:
      'By the address of the client: of the connection, or what a trusted proxy says. A network is 10.0.0.0/8.',
  })

const referers = section({
  allow: list(option(site, 'Scheme and host; *. stands for any name in front.'), 'site').meta({
    description: 'Sites whose pages may ask.',
  }),
  absent: optionWithDefault(
    oneOf(['allow', 'deny']),
    'What becomes of requests that name no site, as those of apps and TVs do.',
    'allow',
  ),
})
  .optional()
  .meta({
    description:
      'By Origin and Referer, which browsers send. Keeps other sites from embedding; it is no protection by itself.',
  })

const secretHeader = section({
  name: option(fieldName, 'Name of the field, such as X-Edge-Secret.'),
  values: list(option(secret, 'A value that is good. At least 16 characters.'), 'value').meta({
    description: 'Values that are good; two while one replaces the other.',
  }),
})
  .optional()
  .meta({ description: 'A field that the CDN in front sends with every request. It does not reach the origin.' })

const rewritePlaylists = option(
  flag,
  'true: a playlist or manifest that was asked for with a token in the query hands it on: the URLs in it that lead to paths of this server which the token covers carry it too. The answer is made for one client and kept by no shared cache. Default: false.',
).optional()

export const access = section({ tokens, rewritePlaylists, networks, referers, secretHeader })
  .superRefine(({ tokens: written, rewritePlaylists: isWanted }, context) => {
    if (isWanted !== true) return
    const isPossible = typeof written === 'object' && 'in' in written && written.in.some((place) => place === 'query')
    if (isPossible) return
    const message = 'has no meaning without tokens in the query that cover more than one path'
    context.addIssue({ code: 'custom', path: ['rewritePlaylists'], message })
  })
  .superRefine((written, context) => {
    const { rewritePlaylists: _, ...rules } = written
    if (Object.values(rules).some((one) => one !== undefined)) return
    const message = 'expected at least one of tokens, networks, referers and secretHeader'
    context.addIssue({ code: 'custom', message })
  })
  .optional()
  .meta({
    description:
      'Whom the route answers; everybody else gets 403. Of several rules all have to be met. Default: everybody.',
  })
