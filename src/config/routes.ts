/**
 * Routes in the file: which paths, out of which origin, under which rules.
 *
 * What is accepted here can be served as it stands: patterns compile, header fields can be sent.
 */

import { METHODS } from 'node:http'
import * as z from 'zod'
import { isFieldValue, isHopByHop } from '../http/headers.ts'
import { compilePattern } from '../http/pattern.ts'
import { isToken } from '../http/syntax.ts'
import { access } from './access.ts'
import { cors } from './cors.ts'
import { flag, oneOf, textThat, time } from './kinds.ts'
import type { Kind, Reading } from './option.ts'
import { EVEN_IF_WRONG, list, option, section, table } from './option.ts'
import { readEndpoint } from './origins.ts'

/** Fields that say what the bytes are or how they were come by: wrong ones would break ranges, revalidation or age. */
const OWN_FIELDS = [
  'accept-ranges',
  'age',
  'cache-status',
  'content-encoding',
  'content-range',
  'date',
  'etag',
  'last-modified',
]

const CORS_FIELD = /^(?:access-control-.*|timing-allow-origin)$/i

const NO_ORIGIN = 'expected the name of an origin'

/** What a route that passes through may have beside `passthrough`; everything else is about objects and their copies. */
const OF_ANY_ROUTE = new Set(['access', 'match', 'passthrough', 'responseHeaders', 'cors'])

/** In the file's own notation, and as it is understood. */
const NEGATIVE_TTL = { written: { 404: '1s', 403: '1s' } }

/** An HTTP origin may say 403 to one client and not to the next. */
const NEGATIVE_TTL_MS = {
  s3: { 404: 1000, 403: 1000 },
  http: { 404: 1000, 405: 1000, 410: 1000, 414: 1000, 501: 1000 },
}

const STALE_IF_ERROR_MS = 3_600_000

/** The freshness of answers without the object where a route says nothing of it, by the type of its origin. */
export function defaultNegativeTtl(type: 's3' | 'http'): Readonly<Record<string, number>> {
  return NEGATIVE_TTL_MS[type]
}

/** One name, or several in order; always a list in the end. */
const originNames: Kind<readonly string[]> = {
  read: (value) => {
    const names = Array.isArray(value) ? value : [value]
    if (names.length === 0) return { fault: `${NO_ORIGIN}, or of several` }
    if (!names.every((name) => typeof name === 'string' && name !== '')) return { fault: NO_ORIGIN }
    if (new Set(names).size < names.length) return { fault: 'names an origin twice' }
    return { value: names }
  },
  jsonSchema: {
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, uniqueItems: true },
    ],
  },
}

/** Methods with a meaning of their own here, or none that could be passed on. */
const NEVER_PASSED_ON = ['CONNECT', 'TRACE']

/** As they go over the wire; always with GET and HEAD. */
const methodNames: Kind<readonly string[]> = {
  read: (value) => {
    if (!Array.isArray(value) || value.length === 0)
      return { fault: 'expected a list of methods, such as [GET, HEAD, POST]' }
    for (const name of value) {
      if (typeof name !== 'string' || !isToken(name))
        return { fault: 'expected a list of methods, such as [GET, HEAD, POST]' }
      if (name !== name.toUpperCase()) return { fault: 'expected methods in capital letters' }
      if (!METHODS.includes(name)) return { fault: `holds ${name}, which is no method that can be received` }
      if (NEVER_PASSED_ON.includes(name)) return { fault: `holds ${name}, which is never passed on` }
    }
    if (!value.includes('GET') || !value.includes('HEAD')) return { fault: 'expected GET and HEAD among them' }
    return { value: [...new Set<string>(value)] }
  },
  jsonSchema: {
    type: 'array',
    items: { type: 'string', minLength: 1, description: 'Name of a method.' },
    minItems: 2,
    uniqueItems: true,
  },
}

const query = section({
  include: z
    .array(option(textThat(readParameter), 'Name of a query parameter.'), {
      error: 'expected a list of parameter names',
    })
    .meta({ description: 'Query parameters that are part of the key; none where the list is empty.' }),
})
  .optional()
  .meta({
    description:
      'Which query parameters make a difference. Default: none for an s3 origin, all for an http one. Of playlists of an http origin _HLS_msn, _HLS_part and _HLS_skip always are. What is not part of the key does not reach the origin either.',
  })

const negativeTtl = table(
  /^[45][0-9][0-9]$/,
  'is no status from 400 to 599',
  option(time, 'Freshness of an answer with this status.'),
)
  .optional()
  .meta({
    description:
      'Freshness of answers without the object, by status; of an HTTP origin where it does not say. A status that is not listed is not kept. Default: 404: 1s, 403: 1s; of an HTTP origin 1s for 404, 405, 410, 414 and 501.',
    default: NEGATIVE_TTL.written,
  })

const responseHeaders = z
  .record(z.string(), option(textThat(readFieldValue, {}), 'Value of the field.'), {
    error: 'expected a mapping',
  })
  .superRefine((fields, context) => {
    const seen = new Set<string>()
    for (const name of Object.keys(fields)) {
      const fault = fieldNameFault(name) ?? (seen.has(name.toLowerCase()) ? 'is there twice' : undefined)
      seen.add(name.toLowerCase())
      if (fault !== undefined) context.addIssue({ code: 'custom', path: [name], message: fault })
    }
  }, EVEN_IF_WRONG)
  .prefault({})
  .meta({
    description: 'Header fields set on every answer, in place of the ones the origin sent: Name: value. Default: none.',
  })

const route = section({
  match: option(
    textThat(readPattern, { examples: ['/live/**/*.m3u8', '/vod/**', '/**'], pattern: '^/|\\$\\{' }),
    'Paths the route is for: * stands for anything inside one segment, ** for anything across segments, {a,b} for one of several. The first route that matches wins.',
  ),
  origin: option(
    originNames,
    'Name of the origin that has the objects; or a list of names: the next one is asked when one cannot be reached, takes longer than its retry.deadline, answers 5xx or is overloaded, its circuit open included. Answers are cached under the name of the first.',
  ).optional(),
  failoverOnNotFound: option(
    flag,
    'true: the next origin of a list is asked for what one answers 404 or 403 to as well; a bucket that may not be listed says 403 of an object it does not have. Default: false.',
  ).optional(),
  stripPrefix: option(
    textThat(readPrefix, { pattern: '^$|^/|\\$\\{' }),
    'Taken off the front of the path before it becomes the object key, such as /media. Default: "".',
  )
    .optional()
    .meta({ default: '' }),
  ttl: option(time, 'Freshness, whatever the origin says. Default: what the origin says.').optional(),
  defaultTtl: option(
    time,
    'Freshness where the origin says nothing. Default: by kind: live playlists half of their target duration or update period, finished ones 5m, multivariant ones 1m, others 2s; segments and films 14d, subtitles 1h, keys 5m, everything else 60s.',
  ).optional(),
  negativeTtl,
  query,
  responseHeaders,
  staleWhileRevalidate: option(
    time,
    'How long after its freshness an answer may still be served while a new one is fetched, where the origin does not say: stale-while-revalidate of its own counts first, must-revalidate and its kin forbid it. Default: 0s.',
  )
    .optional()
    .meta({ default: '0s' }),
  staleIfError: option(
    time,
    'How long after its freshness an answer may still be served in place of an error of the origin (no connection, no answer in time, 5xx, an open circuit), where the origin does not say, as above. Default: 1h.',
  )
    .optional()
    .meta({ default: '1h' }),
  methods: option(
    methodNames,
    'Methods that are passed on, of an HTTP origin only. What an unsafe one may have changed is dropped from memory. Default: GET, HEAD.',
  ).optional(),
  requestCacheControl: option(
    oneOf(['ignore', 'honour']),
    'honour: a client may ask for a newer answer than the stored one (Cache-Control: no-cache, max-age, min-fresh, max-stale, no-store; Pragma), at the cost of the origin. only-if-cached always counts. HTTP origins only. Default: ignore.',
  ).optional(),
  storeSetCookie: option(
    flag,
    'false: an answer that sets cookies is not kept. HTTP origins only. Default: true, as the standard has it: an origin forbids it by private or no-store.',
  ).optional(),
  compression: option(
    flag,
    'true: playlists, manifests, subtitles and JSON are kept in brotli and gzip too, for clients that take them. Segments, what an origin has encoded and what it forbids to change (no-transform) go out as they are. Default: true.',
  )
    .optional()
    .meta({ default: true }),
  cors,
  serverTiming: option(
    flag,
    'true: answers carry Server-Timing, by which a page sees whether they came from memory and how long the origin took. Default: false.',
  ).optional(),
  access,
  passthrough: option(
    textThat((written) => readEndpoint(written, 'http://127.0.0.1:3000'), { examples: ['http://127.0.0.1:3000'] }),
    'In place of origin: address of a server, http or https, that gets the requests as they are, WebSockets included. Every method, nothing is cached; the path is sent as it was asked for, so the address has none.',
  ).optional(),
})
  .superRefine(({ origin, failoverOnNotFound }, context) => {
    if (failoverOnNotFound !== true || !Array.isArray(origin) || origin.length > 1) return
    const message = 'has no meaning with one origin'
    context.addIssue({ code: 'custom', path: ['failoverOnNotFound'], message })
  }, EVEN_IF_WRONG)
  .superRefine(({ cors, responseHeaders }, context) => {
    if (cors === undefined || typeof responseHeaders !== 'object') return
    for (const name of Object.keys(responseHeaders).filter((one) => CORS_FIELD.test(one))) {
      context.addIssue({ code: 'custom', path: ['responseHeaders', name], message: 'is set by cors' })
    }
  }, EVEN_IF_WRONG)
  .superRefine((written, context) => {
    if (!('passthrough' in written)) {
      if (written.origin !== undefined) return
      context.addIssue({ code: 'custom', path: ['origin'], message: NO_ORIGIN })
      return
    }
    for (const name of Object.keys(written).filter((key) => !OF_ANY_ROUTE.has(key))) {
      context.addIssue({ code: 'custom', path: [name], message: 'has no meaning beside passthrough' })
    }
    if (written.access?.rewritePlaylists !== true) return
    context.addIssue({
      code: 'custom',
      path: ['access', 'rewritePlaylists'],
      message: 'has no meaning beside passthrough',
    })
  }, EVEN_IF_WRONG)
  .transform((written) => {
    const { passthrough, origin, failoverOnNotFound, stripPrefix, negativeTtl, ...others } = written
    const { staleWhileRevalidate, staleIfError, ...rules } = others
    return passthrough === undefined
      ? {
          ...rules,
          // The check above has ended every case without one.
          origin: origin ?? [],
          failoverOnNotFound: failoverOnNotFound ?? false,
          stripPrefix: stripPrefix ?? '',
          negativeTtl,
          staleWhileRevalidate: staleWhileRevalidate ?? 0,
          staleIfError: staleIfError ?? STALE_IF_ERROR_MS,
        }
      : {
          match: rules.match,
          passthrough,
          access: rules.access,
          responseHeaders: rules.responseHeaders,
          cors: rules.cors,
        }
  })
  .meta({
    description: 'A path pattern with its origin and its rules, or with the server that its requests are passed on to.',
    required: ['match'],
    oneOf: [
      { required: ['origin'], description: 'Serves the objects of an origin.' },
      { required: ['passthrough'], description: 'Passes requests on as they are.' },
    ],
  })

/** Every route, in the order in which they are tried. */
export const routes = list(route, 'route').meta({ description: 'Which path goes where. The first match wins.' })

function readPattern(pattern: string): Reading<string> {
  if (!pattern.startsWith('/')) return { fault: 'expected a path pattern that begins with "/"' }
  try {
    compilePattern(pattern)
    return { value: pattern }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return { fault: `expected a path pattern: ${error.message}` }
  }
}

function readParameter(name: string): Reading<string> {
  if (name === '') return { fault: 'expected a string that is not empty' }
  return name === 'CMCD' ? { fault: 'is about the player, and never part of the key' } : { value: name }
}

function readPrefix(prefix: string): Reading<string> {
  if (prefix === '' || prefix.startsWith('/')) return { value: prefix }
  return { fault: 'expected a path that begins with "/"' }
}

function fieldNameFault(name: string): string | undefined {
  if (!isToken(name)) return 'is no name of a header field'
  const lowerCase = name.toLowerCase()
  if (isHopByHop(lowerCase) || lowerCase === 'content-length') return 'frames the message and cannot be set'
  if (OWN_FIELDS.includes(lowerCase)) return 'is set by segment-shield itself'
  return undefined
}

function readFieldValue(value: string): Reading<string> {
  return isFieldValue(value) ? { value } : { fault: 'expected the value of a header field, on one line' }
}
