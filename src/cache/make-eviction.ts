/** The policies by their names in the configuration. */

import type { Clock } from '../clock.ts'
import { AdaptiveEviction } from './adaptive-eviction.ts'
import type { Eviction } from './eviction.ts'
import { LruEviction } from './lru-eviction.ts'

export type EvictionPolicy = 'adaptive' | 'lru'

/** @param maxBytes of the Store it is for */
export function makeEviction(policy: EvictionPolicy, maxBytes: number, clock: Clock): Eviction {
  switch (policy) {
    case 'adaptive':
      return new AdaptiveEviction(maxBytes, clock)
    case 'lru':
      return new LruEviction()
    default:
      return policy satisfies never
  }
}
