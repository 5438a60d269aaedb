/**
 * Admin server: a listener of its own for whoever operates the shield, never for players.
 *
 * Every request gets one answer, in this order: may it ask (401, 403, 421), is the path known (404), is the method
 * (405), is its content JSON of bounded size (400, 413, 415), and then what the endpoint says. Errors are problem details
 * (RFC 9457), and nothing may be stored by a cache. What is no HTTP request at all gets Node's own bare 400, 408 or 431.
 *
 * Invariant: after `close()` has resolved neither the listener nor a connection is left, whoever still reads.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cannotListen } from '../errors.ts'
import { type AdminAnswer, problem } from './answer.ts'
import { readContent } from './content.ts'
import { createGuard, type Guard } from './guard.ts'
import { send } from './sending.ts'

export interface AdminRequest {
  readonly query: URLSearchParams
  /** Of a path that ends in a slash: what follows it, as it was sent, its query included. */
  readonly rest: string
  /** What its JSON says; undefined for GET. Whatever it is, it has to be looked at before it is believed. */
  readonly content: unknown
  /** False only where the endpoint is for everybody: whoever asks may have no right to details. */
  readonly isOperator: boolean
  /** Fires when the asker is gone or the server closes. */
  readonly signal: AbortSignal
}

/** A rejection is a fault of this program. */
export type Respond = (request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>

/** What a path does, by method. HEAD goes where GET goes and gets no content (RFC 9110 §9.3.2). */
export type Methods = Readonly<Partial<Record<'GET' | 'POST' | 'PUT' | 'DELETE', Respond>>>

export interface Endpoint {
  readonly methods: Methods
  /** Whether those who bring no token are answered too. @default false */
  readonly isForEverybody?: boolean
}

export interface AdminServerOptions {
  /** Host name or address; IPv6 without brackets. */
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** Another process may listen there too. @default false */
  readonly reusePort?: boolean
  /** Undefined: whoever can connect may ask, so `host` has to be loopback. */
  readonly token: string | undefined
  /** By path, exactly; a path that ends in a slash, other than `/` itself, stands for every path below it. */
  readonly endpoints: ReadonlyMap<string, Endpoint>
  /** Told of what an endpoint throws, and of a listener that works and had an error. */
  readonly onFault: (error: unknown) => void
  readonly limits?: AdminLimits
}

export interface RunningAdminServer {
  readonly listener: { readonly address: string; readonly port: number }
  /** At once: what is still being sent is cut. */
  close(): Promise<void>
}

/** What those who connect may take. Times in milliseconds. */
export interface AdminLimits {
  readonly maxConnections: number
  /** From the first byte of a request, or the connection's begin, to the end of the fields. */
  readonly headersMs: number
  /** The same to the end of the request. */
  readonly requestMs: number
  /** How late these two may act. */
  readonly checkingMs: number
  /** An idle connection is kept this long for the next request. */
  readonly keepAliveMs: number
}

const DEFAULT_LIMITS: AdminLimits = {
  // Operators' programs are few; who opens more than this has lost count.
  maxConnections: 100,
  headersMs: 5_000,
  requestMs: 10_000,
  checkingMs: 1_000,
  // Longer than the minute that monitoring usually leaves between two looks.
  keepAliveMs: 75_000,
}
const MAX_HEADER_BYTES = 8 * 1024

/** @throws {StartError} naming the address that cannot be listened on */
export async function startAdminServer(options: AdminServerOptions): Promise<RunningAdminServer> {
  const { host, port, reusePort = false, token, onFault, limits = DEFAULT_LIMITS } = options
  const guard = createGuard(token)
  const http = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: limits.checkingMs,
      keepAliveTimeout: limits.keepAliveMs,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (req, res) => {
      // Who left before the answer is nobody's concern.
      res.on('error', () => undefined)
      void answer(req, res, guard, options).catch((error: unknown) => {
        onFault(error)
        res.destroy()
      })
    },
  )
  http.maxConnections = limits.maxConnections
  await listening(http, { host, port, reusePort })
  http.on('error', onFault)
  const { address, port: boundPort } = http.address() as AddressInfo
  return {
    listener: { address, port: boundPort },
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
}

async function answer(req: IncomingMessage, res: ServerResponse, guard: Guard, options: AdminServerOptions) {
  const gone = new AbortController()
  res.on('close', () => gone.abort())
  await send(res, await answerTo(req, guard, options, gone.signal))
}

async function answerTo(
  req: IncomingMessage,
  guard: Guard,
  { endpoints, onFault }: AdminServerOptions,
  signal: AbortSignal,
): Promise<AdminAnswer> {
  const asker = guard(req)
  if (asker.kind === 'refused') return asker.refusal
  const [path = '', query = ''] = (req.url ?? '').split(/\?(.*)/s, 2)
  const { endpoint, rest } = find(endpoints, path, req.url ?? '')
  if (asker.kind === 'stranger') {
    if (endpoint?.isForEverybody !== true) return asker.refusal
    const answered = await answerOf(endpoint, req, { query, rest, isOperator: false, signal }, onFault)
    return { ...answered, fields: { ...answered.fields, Connection: 'close' } }
  }
  if (endpoint === undefined) return problem(404, `There is: ${[...endpoints.keys()].join(', ')}`)
  return answerOf(endpoint, req, { query, rest, isOperator: true, signal }, onFault)
}

async function answerOf(
  { methods }: Endpoint,
  req: IncomingMessage,
  asked: Omit<AdminRequest, 'query' | 'content'> & { readonly query: string },
  onFault: (error: unknown) => void,
): Promise<AdminAnswer> {
  const { method = '' } = req
  const respond = new Map(Object.entries(methods)).get(method === 'HEAD' ? 'GET' : method)
  if (respond === undefined) return problem(405, 'This path has other methods', { Allow: allowed(methods) })
  const isRead = method === 'HEAD' || method === 'GET'
  const content = isRead ? ({ kind: 'json', value: undefined } as const) : await readContent(req)
  if (content.kind === 'refused') return content.refusal
  try {
    return await respond({ ...asked, query: new URLSearchParams(asked.query), content: content.value })
  } catch (error) {
    onFault(error)
    return problem(500, 'A fault of this program; its log has more')
  }
}

function find(endpoints: AdminServerOptions['endpoints'], path: string, target: string) {
  const exact = endpoints.get(path)
  if (exact !== undefined) return { endpoint: exact, rest: '' }
  const above = path.slice(0, path.indexOf('/', 1) + 1)
  // The first segment alone: paths below paths are not needed.
  return { endpoint: above === '' ? undefined : endpoints.get(above), rest: target.slice(above.length) }
}

function allowed(methods: Methods): string {
  return Object.keys(methods)
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    .join(', ')
}

interface Place {
  readonly host: string
  readonly port: number
  readonly reusePort: boolean
}

function listening(http: Server, { host, port, reusePort }: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error))
    http.once('error', refuse)
    http.listen({ host, port, reusePort }, () => {
      http.off('error', refuse)
      resolve()
    })
  })
}
