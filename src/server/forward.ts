/**
 * Forward: the way of a request that memory has no fresh answer for, to the cache or the origin and back.
 *
 * It ends when the client leaves, and whatever fails on it becomes an answer or ends one visibly.
 */

import type { Cache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import type { ClientError } from '../errors.ts'
import { ContentTooSlowError, LoopError, OriginError, toClientError } from '../errors.ts'
import type { Trust } from '../http/forwarded.ts'
import type { RequestDirectives } from '../http/request-directives.ts'
import { hasPassed } from '../http/via.ts'
import { isPlaylist } from '../media/types.ts'
import { dropContent } from './drop-content.ts'
import { NO_PAIRS } from './fields.ts'
import { forwarded, informer } from './forwarding.ts'
import type { IncomingMessage, ServerResponse } from './messages.ts'
import { hasContent } from './passed-fields.ts'
import { invalidateAfter, relay } from './relay.ts'
import type { Outgoing, ResponderOptions } from './respond.ts'
import { respond, sendError } from './respond.ts'
import type { RequestedObject, Route, Routes } from './router.ts'
import type { Uploads } from './uploads.ts'

export interface ForwardOptions extends ResponderOptions {
  readonly routes: Routes
  readonly cache: Cache
  readonly clock: Clock
  readonly isTrusted: Trust
  readonly uploads: Uploads
  /** How this program calls itself in Via. @default no request is taken for one that has been here before */
  readonly pseudonym?: string | undefined
  /** A failure that is no OriginError is a fault of this program, and is reported here. */
  readonly onFault: (error: unknown) => void
}

/** An object that is replaced more often than this while one request waits for it is not waited for. */
const MAX_REPEATS = 3
const CLOSE: readonly string[] = ['Connection', 'close']
/** RFC 9111 §5.2.1.7 */
const NOT_STORED: ClientError = { status: 504, text: 'Not stored, and to be answered only if it is' }
const PASSED_ON = { kind: 'forward', fwd: 'method', stored: false, collapsed: false } as const

/** What a request turned out to be about. */
export interface Asked {
  readonly route: Route
  readonly object: RequestedObject
  /** Decoded. */
  readonly path: string
  /** What it asks of caches; undefined where its origin does not get to see it. */
  readonly directives: RequestDirectives | undefined
}

/** The way of a request that memory has no fresh answer for; ends when the client leaves. */
export async function forward(outgoing: Outgoing, asked: Asked, options: ForwardOptions) {
  const { req, res } = outgoing
  const { route, object, path, directives } = asked
  outgoing.exchange.result = 'miss'
  const { cache, clock, isTrusted } = options
  const { signal } = abortOnClose(res)
  await answering(outgoing, options, async () => {
    if (hasLooped(req, route, options)) throw new LoopError()
    const priority = isPlaylist(path) ? 'playlist' : 'segment'
    const { origin } = route
    const { objectKey } = object
    const request = {
      ...object,
      rules: route.rulesFor(path),
      range: originRange(req),
      isProbe: isProbe(req),
      priority,
      signal,
      ...(directives === undefined
        ? { origin }
        : forwarded(req, res, { origin, objectKey, directives, priority, signal, isTrusted })),
    } as const
    const isHead = req.method === 'HEAD' && directives !== undefined && !directives.onlyIfCached
    const answer = isHead ? await cache.head(request) : await cache.forward(request)
    if (answer === undefined) sendError(outgoing, NOT_STORED)
    else if (signal.aborted) answer.response.body.discard()
    else {
      const answerable = { ...repeatable(outgoing, asked, options), origin: request.origin }
      respond(answerable, answer.response, answer.status, clock.now(), options)
    }
  })
}

/** The way of a request that may change something. */
export async function passOn(outgoing: Outgoing, { route, object }: Asked, options: ForwardOptions) {
  const { req, res } = outgoing
  const { cache, clock, routes, isTrusted, uploads } = options
  outgoing.exchange.result = 'method'
  const { signal } = abortOnClose(res)
  if (hasContent(req)) {
    uploads.begin(req.socket)
    // After the origin's request has let go of it.
    res.once('close', () => {
      uploads.end(req.socket)
      dropContent(req, clock)
    })
  }
  await answering(outgoing, options, async () => {
    if (hasLooped(req, route, options)) throw new LoopError()
    const onInformational = informer(req, res)
    const response = await relay({ req, origin: route.origin, object, signal, isTrusted, onInformational }, clock)
    invalidateAfter({ req, object, isTrusted }, response, routes, cache)
    if (signal.aborted) response.body.discard()
    else respond(outgoing, response, { ...PASSED_ON, fwdStatus: response.status }, clock.now(), options)
  })
}

/** Whatever fails on the way to an answer becomes one, or ends it visibly. */
async function answering(outgoing: Outgoing, { onFault }: ForwardOptions, work: () => Promise<void>): Promise<void> {
  const { res, exchange } = outgoing
  try {
    await work()
  } catch (error) {
    exchange.error = error instanceof Error ? error : new Error(String(error))
    if (!(error instanceof OriginError)) onFault(error)
    // A fault after the header: what the client has begun to receive must not look like an answer.
    if (res.headersSent) res.destroy()
    else sendError(outgoing, toClientError(error), error instanceof ContentTooSlowError ? CLOSE : NO_PAIRS)
  }
}

/** One for all: without a reason `abort()` makes an error with a stack trace each time, for answers that went well too. */
const CLIENT_GONE = new Error('the connection to the client has ended, or its answer has')

function abortOnClose(res: ServerResponse): AbortController {
  const abort = new AbortController()
  res.once('close', () => abort.abort(CLIENT_GONE))
  return abort
}

/** The same, and able to begin anew when the object turns out to be another one before anything was sent. */
export function repeatable(outgoing: Outgoing, asked: Asked, options: ForwardOptions): Outgoing {
  const repeats = outgoing.repeats ?? 0
  if (repeats === MAX_REPEATS) return outgoing
  return {
    ...outgoing,
    askAgain: () => void forward({ ...outgoing, repeats: repeats + 1 }, asked, options),
  }
}

/**
 * Whether an HTTP origin has sent us a request of our own: asked once more it would send it again, or, where the same
 * object is being fetched already, wait for itself.
 */
export function hasLooped(
  { headers }: IncomingMessage,
  { http }: Route,
  { pseudonym }: Pick<ForwardOptions, 'pseudonym'>,
): boolean {
  return http !== undefined && pseudonym !== undefined && hasPassed(headers.via, pseudonym)
}

/** HEAD needs no bytes, and a range under If-Range may mean all of them or a few. */
function isProbe({ method, headers }: IncomingMessage): boolean {
  return method === 'HEAD' || (headers.range !== undefined && headers['if-range'] !== undefined)
}

/** The Range that an origin may be asked with; HEAD has none (RFC 9110 §14.2), nor has one that is conditional. */
function originRange({ method, headers }: IncomingMessage): string | undefined {
  return method === 'GET' && headers['if-range'] === undefined ? headers.range : undefined
}
