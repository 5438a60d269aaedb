export interface RequestDirectives {
  noCache: boolean
  noStore: boolean
  onlyIfCached: boolean
  maxAge?: number
  minFresh?: number
  maxStale?: number
}
export function parseRequestDirectives(_a: string | undefined, _b: string | undefined): RequestDirectives {
  return { noCache: false, noStore: false, onlyIfCached: false }
}
