/** What the admin endpoints take and say, as schemas: they check what comes in, and describe both in the OpenAPI file. */

import * as z from 'zod'

const MAX_SELECTORS = 10_000
const text = z.string().min(1).max(8192)
const selectors = z.array(text).max(MAX_SELECTORS)
const count = z.int().min(0)

export const purgeBody = z
  .strictObject({
    urls: selectors.optional().meta({
      description:
        'Paths with their query, escaped as clients send them, or whole URLs. Of an HTTP origin a path alone means every scheme and host.',
    }),
    prefixes: selectors.optional().meta({ description: 'Beginnings of public paths, decoded, without a query.' }),
    patterns: selectors.optional().meta({ description: 'Patterns of public paths, as in routes: *, **, {a,b}.' }),
    surrogateKeys: selectors.optional().meta({ description: 'Of Surrogate-Key or Cache-Tag.' }),
    everything: z.literal(true).optional(),
    mode: z
      .enum(['hard', 'soft'])
      .optional()
      .meta({ description: 'hard, the default: gone. soft: stale from now on, and confirmed when it is wanted next.' }),
  })
  .refine(
    ({ mode: _, ...selects }) =>
      Object.values(selects).some((one) => one === true || (one !== undefined && one.length > 0)),
    {
      message: 'expected one or more of urls, prefixes, patterns, surrogateKeys, everything',
    },
  )
export type PurgeBody = z.infer<typeof purgeBody>

export const purged = z.strictObject({
  mode: z.enum(['hard', 'soft']),
  answers: count.meta({ description: 'Stored answers, each variant counted; slices belong to their object.' }),
  fills: count.meta({ description: 'Fetches under way that will not be stored.' }),
})

export const warmBody = z
  .strictObject({
    urls: selectors.optional().meta({ description: 'Paths or whole URLs; an HTTP origin needs whole ones.' }),
    playlists: z
      .array(text)
      .max(100)
      .optional()
      .meta({ description: 'HLS playlists: they, the playlists they name, and the segments of these.' }),
    maxBandwidth: z.int().min(1).optional().meta({ description: 'Of renditions, in bits per second.' }),
    maxHeight: z.int().min(1).optional().meta({ description: 'Of renditions, in pixels.' }),
    concurrency: z.int().min(1).max(64).optional().meta({ description: 'Requests at once. Default: 8.' }),
  })
  .refine(({ urls = [], playlists = [] }) => urls.length + playlists.length > 0, {
    message: 'expected one or more of urls, playlists',
  })
export type WarmBody = z.infer<typeof warmBody>

const progress = { done: count, total: count.meta({ description: 'As far as is known by now.' }) }

/** One line of the answer to /warm. */
export const warmLine = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.literal('warmed'),
    url: z.string(),
    result: z.enum(['hit', 'stored', 'collapsed', 'confirmed']),
    bytes: count,
    ...progress,
  }),
  z.strictObject({ event: z.literal('failed'), url: z.string(), reason: z.string(), ...progress }),
  z.strictObject({
    event: z.literal('end'),
    warmed: count,
    failed: count,
    bytes: count,
    isTruncated: z.boolean().meta({ description: 'There were more than one request may warm.' }),
  }),
])
export type WarmLine = z.infer<typeof warmLine>

const inspected = z.strictObject({
  status: z.int(),
  site: z.string().optional().meta({ description: 'Scheme and host it was asked for by; of an HTTP origin only.' }),
  freshness: z.enum(['fresh', 'stale']),
  ageSeconds: z.number(),
  ttlSeconds: z.number().meta({ description: 'Negative once it is stale.' }),
  storedAt: z.iso.datetime(),
  contentType: z.string().optional(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  lengthBytes: count.optional(),
  variesBy: z.array(z.string()).meta({ description: 'Names of request fields.' }),
  encodings: z.array(z.enum(['br', 'gzip'])).meta({ description: 'Other codings it is kept in.' }),
  slices: z
    .strictObject({ count, present: count, presentBytes: count, ranges: z.array(z.tuple([count, count])) })
    .optional()
    .meta({ description: 'Of a large object; ranges are positions of first and last bytes.' }),
})

export const objectFound = z.strictObject({
  path: z.string().meta({ description: 'Decoded.' }),
  route: z.string(),
  origin: z.string(),
  answers: z.array(inspected),
  fills: z.array(
    z.strictObject({ state: z.enum(['requesting', 'filling', 'complete', 'notModified', 'uncacheable', 'failed']) }),
  ),
})
export type ObjectFound = z.infer<typeof objectFound>

/** There is nothing to be said beside that it should be done. */
export const reloadBody = z.strictObject({})

const places = z.array(z.string())
export const reloaded = z.strictObject({
  result: z.enum(['reloaded', 'unchanged']).meta({ description: 'unchanged: nothing that takes effect now differs.' }),
  changed: places.meta({ description: 'Paths in the configuration of what is different and in use now.' }),
  certificates: places.meta({ description: 'Files that hold another certificate now, or have another key.' }),
  restartNeeded: places.meta({ description: 'Paths in the configuration that only the next start will heed.' }),
})
export type Reloaded = z.infer<typeof reloaded>

const level = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
export const logLevel = z.strictObject({ level })
export type LogLevel = z.infer<typeof level>

export const healthy = z.strictObject({ status: z.literal('ok') })

const circuit = z.enum(['closed', 'open', 'half-open'])
const pool = z.strictObject({ inUse: count, free: count, maxSockets: count, queued: count, maxQueued: count })
const origins = z.record(z.string(), z.strictObject({ circuit, pool }))
const phase = z.enum(['starting', 'listening', 'draining'])

export const ready = z.strictObject({
  status: z.enum(['ready', 'not ready']),
  reasons: z.array(z.string()).optional().meta({ description: 'This and what follows only for who has the token.' }),
  phase: phase.optional(),
  origins: origins.optional(),
})

const sums = {
  requests: count,
  bytes: count.meta({ description: 'Of bodies, handed to connections.' }),
  hits: count,
  hitBytes: count,
  left: count.meta({ description: 'Answers whose client left before their end.' }),
  cut: count.meta({ description: 'Answers cut off since their body failed.' }),
}

export const traffic = z.strictObject({
  ...sums,
  statuses: z.record(z.string(), count),
  results: z.record(z.string(), count).meta({ description: 'By what the cache did, in the words of RFC 9211.' }),
  routes: z.array(z.strictObject({ route: z.string().optional(), ...sums })),
})
export type TrafficStats = z.infer<typeof traffic>

export const stats = z.strictObject({
  uptimeSeconds: z.number().min(0),
  phase,
  store: z.strictObject({
    maxBytes: count,
    cachedBytes: count,
    inFlightBytes: count,
    heldBytes: z.int(),
    entries: count,
    evictions: count,
  }),
  fills: count.meta({ description: 'Fetches under way that can be joined.' }),
  runs: count.meta({ description: 'Requests for slices under way.' }),
  origins,
  traffic,
})
export type Stats = z.infer<typeof stats>

export const problemDetails = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
})

export const reloadRefused = z.strictObject({
  ...problemDetails.shape,
  problems: z.array(
    z.strictObject({
      path: z.string().meta({ description: 'A place in the configuration, or a file.' }),
      message: z.string(),
    }),
  ),
})
