/**
 * What the stream of live figures says, as schemas.
 *
 * Its events: `history` once, the samples there already are, the oldest first, and a `state`; then each second a
 * `sample`, which is what happened in it, and a `state`, which is how things are at its end.
 */

import * as z from 'zod'
import { stats } from './schemas.ts'

const count = z.int().min(0)
const ms = z.number().min(0)

const times = z
  .strictObject({ count, p50Ms: ms, p95Ms: ms, p99Ms: ms })
  .meta({ description: 'Times to the first byte; quantiles are read off the buckets of a histogram.' })

export const liveSample = z.strictObject({
  atMs: ms.meta({ description: 'When it ended, in milliseconds since 1970.' }),
  seconds: z.number().positive().meta({ description: 'How long it is; about 1. Counts below are of this time.' }),
  requests: count,
  hits: count,
  bytes: count.meta({ description: 'Of bodies, handed to connections.' }),
  hitBytes: count,
  fetchedBytes: count.meta({ description: 'Of bodies, received from origins.' }),
  clientErrors: count.meta({ description: 'Answers 400 to 499.' }),
  serverErrors: count.meta({ description: 'Answers 500 to 599, and those cut off since their body failed.' }),
  ttfbHit: times.optional().meta({ description: 'Missing where there was none.' }),
  ttfbMiss: times.optional(),
  connections: count.meta({ description: 'Open at the end, of clients.' }),
  fills: count,
  runs: count,
  cachedBytes: count,
  inFlightBytes: count,
  heldBytes: count,
  inUse: count.meta({ description: 'Connections in use, of all origins.' }),
  queued: count.meta({ description: 'Requests that wait for one, of all origins.' }),
})
export type LiveSample = z.infer<typeof liveSample>

export const liveHistory = z.array(liveSample)

const topPath = z.strictObject({
  path: z.string().meta({ description: 'Decoded, without the query.' }),
  requests: count,
  hits: count,
  bytes: count,
})
export type TopPath = z.infer<typeof topPath>

const trouble = z.strictObject({
  atMs: ms,
  level: z.enum(['warn', 'error', 'fatal']),
  message: z.string(),
  origin: z.string().optional(),
  detail: z.string().optional().meta({ description: 'What else the line of the log says, shortened.' }),
})
export type Trouble = z.infer<typeof trouble>

export const liveState = z.strictObject({
  ...stats.pick({ uptimeSeconds: true, phase: true, store: true, fills: true, runs: true, origins: true }).shape,
  version: z.string(),
  topPaths: z.array(topPath).meta({
    description:
      'Those asked for most in the last minutes, the first first; counted while somebody listens. A request of a minute ago counts half.',
  }),
  troubles: z.array(trouble).meta({ description: 'The last lines of the log from warn on, the newest first.' }),
})
export type LiveState = z.infer<typeof liveState>

/** One event of the stream: its name, and what its lines of content say as JSON. */
export const liveEvent = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('history'), data: liveHistory }),
  z.strictObject({ event: z.literal('sample'), data: liveSample }),
  z.strictObject({ event: z.literal('state'), data: liveState }),
])
export type LiveEvent = z.infer<typeof liveEvent>
