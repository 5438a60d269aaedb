/** What node's error codes mean for an origin that could not be asked or did not answer. */
import type { OriginErrorKind } from '../errors.ts'

const UNREACHABLE_CODES: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
])

/** OpenSSL's verification results as node spells them, and TLS to something that does not speak it. */
const TLS_CODE =
  /^(?:EPROTO$|ERR_SSL_WRONG_VERSION_NUMBER$|ERR_TLS_CERT_|CERT_|CRL_|.*SELF_SIGNED_CERT|UNABLE_TO_|INVALID_CA$|INVALID_PURPOSE$|HOSTNAME_MISMATCH$)/

/** Undefined for a code that is not about the network. */
export function kindOfNetworkCode(code: string): OriginErrorKind | undefined {
  if (code === 'ETIMEDOUT') return 'timeout'
  if (UNREACHABLE_CODES.has(code)) return 'unreachable'
  return TLS_CODE.test(code) ? 'misconfigured' : undefined
}
