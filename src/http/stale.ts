import type { CacheControl } from './cache-control.ts'
export function forbidsStale(c: CacheControl): boolean {
  return c.mustRevalidate || c.proxyRevalidate || c.noCache || c.sMaxage !== undefined
}
export function staleWindows(
  c: CacheControl,
  r: { staleWhileRevalidateSeconds?: number; staleIfErrorSeconds?: number },
) {
  return forbidsStale(c)
    ? { whileRevalidateSeconds: 0, ifErrorSeconds: 0 }
    : {
        whileRevalidateSeconds: c.staleWhileRevalidate ?? r.staleWhileRevalidateSeconds ?? 0,
        ifErrorSeconds: c.staleIfError ?? r.staleIfErrorSeconds ?? 0,
      }
}
