import type { CacheControl } from './cache-control.ts'
export function storability(i: {
  status: number
  cacheControl: CacheControl
  isAuthorized: boolean
}): 'storable' | 'no-store' | 'private' | 'status' | 'authorization' {
  const c = i.cacheControl
  return c.noStore
    ? 'no-store'
    : c.private
      ? 'private'
      : i.isAuthorized && !(c.public || c.mustRevalidate || c.sMaxage !== undefined)
        ? 'authorization'
        : 'storable'
}
