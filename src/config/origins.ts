/**
 * Origins in the file: where they are, how to sign for them, and how much they are asked for.
 *
 * Where the options of one section meet those of another, here is where they are checked.
 */

import * as z from 'zod'
import { filledText, flag, oneOf, text, textThat } from './kinds.ts'
import type { Reading } from './option.ts'
import { EVEN_IF_WRONG, option, optionWithDefault, section, table } from './option.ts'
import { breaker, hedge, httpRetry, limits, limitsFor, pool, s3Retry } from './origin-rules.ts'

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

const s3Origin = section({
  type: z.literal('s3').meta({ description: 'An S3-compatible object store.' }),
  endpoint: option(
    textThat((written) => readEndpoint(written), { examples: ['https://sfo3.digitaloceanspaces.com'] }),
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
  transport: optionWithDefault(
    oneOf(['sdk', 'undici']),
    'What carries the requests. sdk: the AWS SDK’s own HTTP handler. undici: a client that costs less CPU. The SDK finds the bucket and the credentials and signs either way.',
    'sdk',
  ),
  pool,
  retry: s3Retry,
  limits,
  breaker,
  hedge,
})
  .superRefine(hedgesWithinDeadline, EVEN_IF_WRONG)
  .transform((written) => ({ ...written, limits: { ...limitsFor(written.endpoint), ...written.limits } }))

const httpOrigin = section({
  type: z.literal('http').meta({ description: 'Any HTTP server.' }),
  url: option(
    textThat((written) => readEndpoint(written, 'http://127.0.0.1:9000'), { examples: ['http://127.0.0.1:9000'] }),
    'Address of the server, http or https, without a path: it is sent the path and query of each request as they are.',
  ),
  pool,
  retry: httpRetry,
  limits,
  breaker,
  hedge,
})
  .superRefine(hedgesWithinDeadline, EVEN_IF_WRONG)
  .transform((written) => ({ ...written, limits: { ...limitsFor(written.url), ...written.limits } }))

const origin = z
  .discriminatedUnion(
    'type',
    [
      s3Origin.meta({ description: 'An S3-compatible object store, such as DigitalOcean Spaces.' }),
      httpOrigin.meta({ description: 'Any HTTP server.' }),
    ],
    {
      error: (issue) =>
        typeof issue.input === 'object' && issue.input !== null ? 'expected s3 or http' : 'expected a mapping',
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

interface Timing {
  readonly retry: { readonly deadline: number }
  readonly hedge?: { readonly after?: number } | undefined
}

/** A second request that is never sent in time is a mistake. */
function hedgesWithinDeadline({ retry, hedge }: Timing, context: z.RefinementCtx): void {
  // Whatever the types say: either may be wrong in the file.
  if (typeof retry?.deadline !== 'number' || typeof hedge?.after !== 'number' || hedge.after < retry.deadline) return
  context.addIssue({ code: 'custom', path: ['hedge', 'after'], message: 'expected less than retry.deadline' })
}

/** The address of an origin without a trailing slash: scheme, host and, where it is not the scheme's own, port. */
export function readEndpoint(written: string, example = 'https://sfo3.digitaloceanspaces.com'): Reading<string> {
  const url = /^https?:\/\/[^/]/i.test(written) && !/[\s\\]/.test(written) ? URL.parse(written) : null
  if (url === null) return { fault: `expected an http or https URL, such as ${example}` }
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
