/** What every kind of origin is given, whatever it speaks. */
import type { Clock } from '../clock.ts'
import type { OriginCounts } from './counts.ts'
import type { OriginLog } from './origin.ts'

export interface PoolSettings {
  readonly maxSockets: number
  /** Open sockets kept for later; 0: none. */
  readonly maxFreeSockets: number
  readonly connectTimeoutMs: number
  /** From a connected socket to the response's headers. */
  readonly responseTimeoutMs: number
  /** How long a free socket is kept. */
  readonly idleTimeoutMs: number
  /** How long a waiting reader waits for the next bytes of a body. */
  readonly stallTimeoutMs: number
  readonly acquisitionWarningMs: number
  readonly maxQueued: number
}

export interface LimitSettings {
  /** Undefined: as fast as the origin takes it. */
  readonly requestsPerSecond: number | undefined
  readonly queueTimeoutMs: number
}

export interface OriginDependencies {
  readonly clock: Clock
  readonly log: OriginLog
  /** Those of the origin that is made. @default counted for nobody */
  readonly counts?: OriginCounts
  /** How this program calls itself to HTTP origins, in Via (RFC 9110 §7.6.3). @default `segment-shield` */
  readonly pseudonym?: string
}
