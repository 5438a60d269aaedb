/**
 * Admin server: a listener of its own for whoever operates the shield, never for players.
 *
 * Every request gets one answer, in this order: may it ask (401, 421), is the path known (404), is the method (405),
 * and then what the endpoint says. Errors are problem details (RFC 9457), nothing may be stored by a cache, and nothing
 * of what was asked is repeated. What is no HTTP request at all gets Node's own bare 400, 408 or 431.
 *
 * Invariant: after `close()` has resolved neither the listener nor a connection is left, whoever still reads.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cannotListen } from '../errors.ts'
import { type AdminAnswer, problem } from './answer.ts'
import { createGuard, type Guard } from './guard.ts'

export type Respond = (query: URLSearchParams) => AdminAnswer

/** What a path does, by method. HEAD goes where GET goes and gets no content (RFC 9110 §9.3.2). */
export type Endpoint = Readonly<Record<string, Respond>>

export interface AdminServerOptions {
  /** Host name or address; IPv6 without brackets. */
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** Another process may listen there too. @default false */
  readonly reusePort?: boolean
  /** Undefined: whoever can connect may ask, so `host` has to be loopback. */
  readonly token: string | undefined
  /** By path, exactly. */
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
      send(res, answerTo(req, guard, options))
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

function answerTo(req: IncomingMessage, guard: Guard, { endpoints, onFault }: AdminServerOptions): AdminAnswer {
  const refusal = guard(req)
  if (refusal !== undefined) return refusal
  const [path = '', query = ''] = (req.url ?? '').split(/\?(.*)/s, 2)
  const endpoint = endpoints.get(path)
  if (endpoint === undefined) return problem(404, `There is: ${[...endpoints.keys()].join(', ')}`)
  const respond = endpoint[req.method === 'HEAD' ? 'GET' : (req.method ?? '')]
  if (respond === undefined) return problem(405, 'This path has other methods', { Allow: allowed(endpoint) })
  try {
    return respond(new URLSearchParams(query))
  } catch (error) {
    onFault(error)
    return problem(500, 'A fault of this program; its log has more')
  }
}

function allowed(endpoint: Endpoint): string {
  return Object.keys(endpoint)
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    .join(', ')
}

function send(res: ServerResponse, { status, contentType, body, fields }: AdminAnswer): void {
  res.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...fields,
  })
  // Node leaves the content out where the method is HEAD.
  res.end(body)
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
