import type { CacheControl } from './cache-control.ts'
export function parseCdnCacheControl(_value: string | undefined): CacheControl | undefined {
  return undefined
}
