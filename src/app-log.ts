/** What the running parts report, as lines of the log: one a kind of trouble and second, with the number left out. */

import type { FillFailure } from './cache/fills-under-way.ts'
import type { Clock } from './clock.ts'
import type { PassthroughRouteConfig } from './config/schema.ts'
import type { OriginError } from './errors.ts'
import type { Logger } from './observe/log.ts'
import { Throttle } from './observe/throttle.ts'
import type { Certificate } from './server/certificates.ts'

/** One log line an origin and kind of failure in this time. */
const FAILURE_LOG_MS = 1000

/** What every certificate is for and until when, and a warning for those that clients will refuse. */
export function certificateLog(log: Logger, clock: Clock): (certificate: Certificate) => void {
  return ({ file, names = 'none', validFromMs, validToMs }) => {
    const about = { file, names, validTo: new Date(validToMs).toISOString() }
    if (validToMs <= clock.now()) log.warn(about, 'certificate has expired')
    else if (validFromMs > clock.now()) log.warn(about, 'certificate is not valid yet')
    else log.info(about, 'certificate')
  }
}

/** As below, for a route that passes through. */
export function passingLog(
  { passthrough }: PassthroughRouteConfig,
  log: Logger,
  clock: Clock,
): (error: OriginError) => void {
  const throttle = new Throttle(FAILURE_LOG_MS)
  return ({ kind, message }) => {
    const silent = throttle.admit(kind, clock.now())
    if (silent === undefined) return
    log.warn({ origin: passthrough, kind, error: message, unreported: silent }, 'passing through failed')
  }
}

/** One line an origin and kind of failure in a second, with the number of those left out before it. */
export function failureLog(log: Logger, clock: Clock): (failure: FillFailure) => void {
  const throttle = new Throttle(FAILURE_LOG_MS)
  return ({ originName, objectKey, error }) => {
    const silent = throttle.admit(`${originName} ${error.kind}`, clock.now())
    if (silent === undefined || error.kind === 'aborted') return
    log.warn(
      { origin: originName, object: objectKey, kind: error.kind, error: error.message, unreported: silent },
      'fill failed',
    )
  }
}
