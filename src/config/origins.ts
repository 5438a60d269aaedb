/**
 * Origins in the file: where they are, how to sign for them, and how many connections they get.
 *
 * The defaults of a pool live here and nowhere else.
 */

import * as z from 'zod'
import { filledText, flag, oneOf, text, textThat, timerLength, wholeNumber } from './kinds.ts'
import type { Reading } from './option.ts'
import {
  EVEN_IF_WRONG,
  notSupportedYet,
  option,
  optionWithDefault,
  planned,
  refused,
  section,
  table,
} from './option.ts'

const DEFAULT_MAX_FREE_SOCKETS = 50

const pool = section({
  maxSockets: optionWithDefault(
    wholeNumber(1),
    'Connections to the origin at most, used and free ones together. Requests beyond that wait in a queue.',
    200,
  ),
  maxFreeSockets: option(
    wholeNumber(0),
    `Idle connections kept open for later requests at most. Default: ${DEFAULT_MAX_FREE_SOCKETS}, or maxSockets where that is less.`,
  )
    .optional()
    .meta({ default: DEFAULT_MAX_FREE_SOCKETS }),
  connectTimeout: optionWithDefault(
    timerLength,
    'How long connecting may take, TLS included; waiting in the queue does not count.',
    '5s',
  ),
  responseTimeout: optionWithDefault(
    timerLength,
    'How long the response headers may take once the request is sent.',
    '30s',
  ),
  idleTimeout: optionWithDefault(
    timerLength,
    'How long a connection may be idle before it is closed. Ceph, which Spaces runs on, closes its side after 65s: stay below.',
    '30s',
  ),
  stallTimeout: optionWithDefault(
    timerLength,
    'How long the next byte of a body may take. A reader that pauses is no stall.',
    '15s',
  ),
  acquisitionWarning: optionWithDefault(
    timerLength,
    'How long a request may queue for a connection before a warning with the counts of the pool is logged.',
    '1s',
  ),
  maxQueued: optionWithDefault(
    wholeNumber(0),
    'Requests that may wait for a connection; the next one is answered 503 with Retry-After at once.',
    2000,
  ),
})
  .superRefine(({ maxSockets, maxFreeSockets }, context) => {
    if (typeof maxSockets !== 'number' || typeof maxFreeSockets !== 'number' || maxFreeSockets <= maxSockets) return
    context.addIssue({ code: 'custom', path: ['maxFreeSockets'], message: 'expected no more than maxSockets' })
  }, EVEN_IF_WRONG)
  .transform((written) => ({
    ...written,
    maxFreeSockets: written.maxFreeSockets ?? Math.min(DEFAULT_MAX_FREE_SOCKETS, written.maxSockets),
  }))
  .prefault({})
  .meta({ description: 'Connections to this origin.' })

const retry = section({
  maxAttempts: optionWithDefault(wholeNumber(1), 'Attempts at one request, the first one included.', 5),
  mode: optionWithDefault(
    oneOf(['standard', 'adaptive']),
    'standard backs off request by request; adaptive also slows the whole client down after the origin said SlowDown.',
    'standard',
  ),
})
  .prefault({})
  .meta({ description: 'What happens when the origin fails before its response headers.' })

const credentials = section({
  accessKeyId: option(filledText, 'The public half of the access key.').optional(),
  secretAccessKey: option(filledText, 'The secret half of the access key.').optional(),
  sessionToken: option(text, 'Goes with temporary keys. An empty one counts as absent.').optional(),
  anonymous: option(flag, 'true: requests are not signed. Leaves no room for keys.').optional(),
})
  .superRefine((written, context) => {
    const isAnonymous = written.anonymous !== undefined && written.anonymous !== false
    for (const key of ['accessKeyId', 'secretAccessKey'] as const) {
      if (!isAnonymous && written[key] === undefined) {
        context.addIssue({ code: 'custom', path: [key], message: 'expected a string' })
      }
    }
    for (const key of ['accessKeyId', 'secretAccessKey', 'sessionToken'] as const) {
      if (isAnonymous && written[key] !== undefined) {
        context.addIssue({ code: 'custom', path: [key], message: 'has no meaning beside anonymous: true' })
      }
    }
  }, EVEN_IF_WRONG)
  .transform(({ accessKeyId, secretAccessKey, sessionToken }) => {
    // The checks above leave two cases: both keys, or neither because the requests are anonymous.
    if (accessKeyId === undefined || secretAccessKey === undefined) return { anonymous: true as const }
    const keys = { accessKeyId, secretAccessKey }
    return sessionToken === undefined || sessionToken === '' ? keys : { ...keys, sessionToken }
  })
  .optional()
  .meta({
    description:
      'Keys to sign requests with, or { anonymous: true }. Absent: the chain of the AWS SDK (environment, profile, instance role).',
  })

const limits = notSupportedYet(
  section({
    requestsPerSecond: option(wholeNumber(1), 'Requests per second sent to the origin at most.').optional(),
  }).meta({ description: 'How much the origin is asked for at most.' }),
)

const s3Origin = section({
  type: z.literal('s3').meta({ description: 'An S3-compatible object store.' }),
  endpoint: option(
    textThat(readEndpoint, { examples: ['https://sfo3.digitaloceanspaces.com'] }),
    'Address of the store, http or https, without the bucket and without a path.',
  ),
  region: option(textThat(readRegion), 'Region that requests are signed for; Spaces: the data centre, such as sfo3.'),
  bucket: option(textThat(readBucket), 'Name of the bucket.'),
  credentials,
  forcePathStyle: optionWithDefault(
    flag,
    'true: the bucket is the first segment of the path; false: it is the first label of the host name.',
    false,
  ),
  keyPrefix: optionWithDefault(text, 'Put in front of every object key, as it is; a folder ends with a slash.', ''),
  pool,
  retry,
  limits,
})

const httpOrigin = section({
  type: z.literal('http').meta({ description: 'Any HTTP server.' }),
  url: option(textThat(readEndpoint), 'Address of the server, http or https.'),
  pool,
  limits,
}).meta({ description: 'Any HTTP server.' })

const origin = z
  .discriminatedUnion(
    'type',
    [
      s3Origin.meta({ description: 'An S3-compatible object store, such as DigitalOcean Spaces.' }),
      planned(refused(z.looseObject({ type: z.literal('http') }), 'type "http" is not supported yet'), httpOrigin),
    ],
    {
      error: (issue) =>
        typeof issue.input === 'object' && issue.input !== null ? 'expected s3' : 'expected a mapping',
    },
  )
  .meta({ description: 'A place where bytes come from.' })

/** Every origin, by the name that routes and logs use for it. */
export const origins = table(
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  'is no name for an origin: letters, digits, dots, dashes and underscores make one',
  origin,
)
  .superRefine((written, context) => {
    if (Object.keys(written).length > 0) return
    context.addIssue({ code: 'custom', message: 'expected at least one origin' })
  }, EVEN_IF_WRONG)
  .meta({ description: 'Where bytes come from, each under a name of your choice.', minProperties: 1 })

/** The address of an origin without a trailing slash: scheme, host and, where it is not the scheme's own, port. */
function readEndpoint(written: string): Reading<string> {
  const url = /^https?:\/\/[^/]/i.test(written) && !/[\s\\]/.test(written) ? URL.parse(written) : null
  if (url === null) return { fault: 'expected an http or https URL, such as https://sfo3.digitaloceanspaces.com' }
  if (url.username !== '' || url.password !== '') return { fault: 'credentials do not belong in the URL' }
  if (url.pathname !== '/' || /[?#]/.test(written)) return { fault: 'expected a URL without path, query or fragment' }
  return { value: url.origin }
}

function readRegion(written: string): Reading<string> {
  return /^[A-Za-z0-9_-]+$/.test(written) ? { value: written } : { fault: 'expected a region, such as sfo3' }
}

/** Stores differ in what they allow, but none allows what would change the request's path. */
function readBucket(written: string): Reading<string> {
  return /^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(written) ? { value: written } : { fault: 'expected the name of a bucket' }
}
