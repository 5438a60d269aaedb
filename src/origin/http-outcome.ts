/**
 * What undici's and node's errors mean for a request to an HTTP origin that has no answer yet.
 *
 * Invariant: an origin that goes away before its headers is `unreachable`; only bytes that are no HTTP make it `broken`.
 */
import { OriginError, type OriginErrorKind } from '../errors.ts'
import { NotConnectedError, StaleSocketError } from './failure.ts'
import { kindOfNetworkCode } from './network-code.ts'

/** How far a request had come when it failed. */
export interface Progress {
  /** It was on a connection, so the origin may have seen it. */
  readonly isSent: boolean
  /** The origin had begun to answer. */
  readonly hasBegun: boolean
  /** The connection had served an earlier request. */
  readonly isReused: boolean
}

/** undici's words for a connection that ended where it should not have; its other ones are about what came over it. */
const CLOSED = /^(?:other side closed|closed|destroyed)$/

export function failureOf(name: string, error: Error, { isSent, hasBegun, isReused }: Progress): OriginError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const kind = kindOf(code, error.message)
  if (!isSent) return new NotConnectedError(kind, `${name}: ${error.message}`, { cause: error })
  if (kind === 'unreachable' && isReused && !hasBegun) return new StaleSocketError(name, error)
  return new OriginError(kind, `${name}: ${error.message}`, { cause: error })
}

function kindOf(code: string, message: string): OriginErrorKind {
  if (code === 'UND_ERR_SOCKET') return CLOSED.test(message) ? 'unreachable' : 'broken'
  return kindOfNetworkCode(code) ?? 'broken'
}
