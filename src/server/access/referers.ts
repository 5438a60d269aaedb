/**
 * Referers: the sites whose pages may ask, by what browsers say in Origin and Referer.
 *
 * It keeps other sites from showing what is not theirs; it keeps out nobody who writes his requests himself.
 */

import type { SiteTest } from '../../http/site.ts'
import type { IncomingMessage } from '../messages.ts'

export interface RefererRules {
  /** Sites as in the configuration: `https://www.example.com`, `https://*.example.com`. */
  readonly allow: readonly string[]
  /** Whether a request that names no site at all is let in: players on devices, and pages that ask for silence. */
  readonly absent: 'allow' | 'deny'
}

/** Both fields have to agree where both are there: the one may be missing, and neither may name another site. */
export function isFromAllowedSite(req: IncomingMessage, isAllowed: SiteTest, absent: RefererRules['absent']): boolean {
  const { origin, referer } = req.headers
  if (origin !== undefined && !isAllowed(origin)) return false
  if (referer !== undefined) return isAllowed(originOf(referer))
  return origin !== undefined || absent === 'allow'
}

/** Empty for what is no URL. */
function originOf(referer: string): string {
  return URL.parse(referer)?.origin ?? ''
}
