/**
 * Forwarding: what of a client's request an HTTP origin gets to see, and how its interim answers come back.
 *
 * Invariant: nothing of the connection goes on in either direction, and who the client is, is told by us alone, unless
 * it is a proxy that is trusted to tell it.
 */

import type { ClientRequest } from '../cache/cache-request.ts'
import type { RequestFields } from '../cache/variants.ts'
import type { Trust } from '../http/forwarded.ts'
import { parseRequestDirectives, type RequestDirectives } from '../http/request-directives.ts'
import { fieldsByName, listsFields, originRequestFields, type RequestUse } from '../http/request-fields.ts'
import type { FieldPairs, Origin, OriginPriority } from '../origin/origin.ts'
import { forwardingFor } from './for-whom.ts'
import { sendInterim } from './interim.ts'
import type { IncomingMessage, ServerResponse } from './messages.ts'
import type { HttpRules } from './router.ts'

export interface Forwarded {
  /** The same origin, which sees this request's fields with everything that is fetched for it. */
  readonly origin: Origin
  readonly client: ClientRequest
}

export function forwarded(
  req: IncomingMessage,
  res: ServerResponse,
  asked: {
    readonly origin: Origin
    readonly objectKey: string
    readonly directives: RequestDirectives
    readonly priority: OriginPriority
    readonly signal: AbortSignal
    readonly isTrusted: Trust
  },
): Forwarded {
  const { origin, objectKey, directives, priority, signal, isTrusted } = asked
  const onInformational = informer(req, res)
  return {
    origin: originFor(req, origin, isTrusted),
    client: {
      sharedOrigin: origin,
      fields: selectingFields(req, isTrusted),
      directives,
      onInformational,
      sendOwn: () =>
        origin.fetch({
          key: objectKey,
          method: req.method ?? 'GET',
          fields: originFields(req, isTrusted, 'passed-on'),
          priority,
          signal,
          onInformational,
        }),
    },
  }
}

/** The same origin, which sees this request's fields. Holds on to nothing else of the request. */
export function originFor(req: IncomingMessage, origin: Origin, isTrusted: Trust): Origin {
  const fields = originFields(req, isTrusted, 'asked')
  return {
    name: origin.name,
    fetch: (request) => origin.fetch({ ...request, fields }),
    usage: () => origin.usage(),
    close: () => origin.close(),
  }
}

/** What the origin sees of them, and for whom they are sent on. */
export function originFields(req: IncomingMessage, isTrusted: Trust, use: RequestUse): FieldPairs {
  return [...originRequestFields(req.rawHeaders, use), ...forwardingFor(req, isTrusted).fields]
}

/** Nothing of these is what the client sent, unless it is trusted. */
const OUR_FORWARDING: RequestFields = {
  forwarded: undefined,
  'x-forwarded-for': undefined,
  'x-forwarded-host': undefined,
  'x-forwarded-proto': undefined,
}

/** What an answer may be chosen by: what its origin sees, and nothing that a Connection field has taken away. */
export function selectingFields(req: IncomingMessage, isTrusted: Trust): RequestFields {
  const { headers, headersDistinct, rawHeaders } = req
  const sent = listsFields(headers.connection)
    ? fieldsByName(originRequestFields(rawHeaders, 'asked'))
    : headersDistinct
  return { ...sent, ...OUR_FORWARDING, ...fieldsByName(forwardingFor(req, isTrusted).fields) }
}

/** Interim answers go on as they come. */
export function informer(req: IncomingMessage, res: ServerResponse): (status: number, fields: FieldPairs) => void {
  return (status, fields) => sendInterim(req, res, status, fields)
}

/** Asked for by nobody. */
export const NO_DIRECTIVES: RequestDirectives = { noCache: false, noStore: false, onlyIfCached: false }

/** What the request asks of caches, as far as it counts: `only-if-cached` costs an origin nothing and always does. */
export function requestDirectives({ headers }: IncomingMessage, { honoursRequest }: HttpRules): RequestDirectives {
  const { 'cache-control': cacheControl, pragma } = headers
  if (cacheControl === undefined && pragma === undefined) return NO_DIRECTIVES
  const asked = parseRequestDirectives(cacheControl, pragma)
  return honoursRequest ? asked : { ...NO_DIRECTIVES, onlyIfCached: asked.onlyIfCached }
}
