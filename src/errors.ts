/**
 * Every error this program throws on purpose, and what each becomes for the client.
 *
 * Expected outcomes (a missing key, a 304, a range that does not fit) are return values, not errors.
 */

/** One fault of a configuration file: where it is (`origins.spaces.pool.maxSockets`) and what is wrong there. */
export interface ConfigProblem {
  readonly path: string
  readonly message: string
}

export function sentenceOf({ path, message }: ConfigProblem): string {
  return path === '' ? message : `${path}: ${message}`
}

/** The configuration cannot be used. Carries every problem found, not only the first. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(sentenceOf).join('\n'), options)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** The program could not start although its configuration is good: a port is taken, an address is not ours. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StartError'
  }
}

/** An address that was refused to a listener, as a sentence that names it. An IPv6 host is without its brackets. */
export function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): StartError {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return new StartError(`cannot listen on ${address}: ${reasonOf(cause)}`, { cause })
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'the port is taken by another program'
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have that address'
  if (code === 'EACCES') return 'not permitted (ports below 1024 need a privilege)'
  return message
}

/**
 * Why an origin gave no usable answer.
 *
 * - `unreachable`: no connection (refused, reset, DNS, TLS)
 * - `timeout`: connecting, the response headers or the next bytes took too long
 * - `overloaded`: it asked us to slow down (503, 429), or our own queue for it is full
 * - `misconfigured`: our credentials, signature, clock or bucket are wrong; an operator has to act
 * - `broken`: an answer that cannot be used: an unexpected status, a body that ended early
 * - `aborted`: we gave up ourselves, because nobody wants the answer any more
 */
export type OriginErrorKind = 'unreachable' | 'timeout' | 'overloaded' | 'misconfigured' | 'broken' | 'aborted'

export interface OriginErrorOptions extends ErrorOptions {
  /** Whole seconds after which asking again makes sense. */
  readonly retryAfterSeconds?: number
}

/** An origin could not answer. The message is for the operator's log and never goes to a client. */
export class OriginError extends Error {
  readonly kind: OriginErrorKind
  readonly retryAfterSeconds: number | undefined

  constructor(kind: OriginErrorKind, message: string, options: OriginErrorOptions = {}) {
    super(message, options)
    this.name = 'OriginError'
    this.kind = kind
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** Whoever sends the request did not send the rest of its content: no fault of the origin's. */
export class ContentTooSlowError extends OriginError {
  constructor(originName: string) {
    super('aborted', `${originName}: the rest of the request's content did not come`)
  }
}

/**
 * The request has come through this shield before: to ask an origin would be to ask this shield again. For an operator
 * to mend.
 */
export class LoopError extends OriginError {
  constructor() {
    super('misconfigured', 'the request has been here before: an origin leads back to this shield')
  }
}

/** What an origin's body rejects with is an OriginError by contract; anything else is our own bug and stays visible. */
export function asOriginError(error: unknown): OriginError {
  if (error instanceof OriginError) return error
  return new OriginError('broken', error instanceof Error ? error.message : String(error), { cause: error })
}

/** What a client is told: a status, a short text that gives nothing away, and Retry-After in seconds where it helps. */
export interface ClientError {
  readonly status: number
  readonly text: string
  readonly retryAfterSeconds?: number
}

/** The one place where a failure becomes an HTTP status (RFC 9110 §15.6). */
export function toClientError(error: unknown): ClientError {
  if (!(error instanceof OriginError)) return { status: 500, text: 'Internal error' }
  if (error instanceof ContentTooSlowError) return { status: 408, text: 'The request took too long' }
  // RFC 5842 §7.2
  if (error instanceof LoopError) return { status: 508, text: 'The request goes round in a loop' }
  switch (error.kind) {
    case 'timeout':
      return { status: 504, text: 'The origin did not answer in time' }
    case 'overloaded':
      return { status: 503, text: 'The origin is overloaded', retryAfterSeconds: error.retryAfterSeconds ?? 1 }
    case 'unreachable':
    case 'misconfigured':
    case 'broken':
      return { status: 502, text: 'The origin could not be used' }
    case 'aborted':
      return { status: 503, text: 'The request was given up', retryAfterSeconds: error.retryAfterSeconds ?? 1 }
    default:
      return error.kind satisfies never
  }
}
