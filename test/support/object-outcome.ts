/** What a store's object has to say to conditions and ranges: as Ceph RGW says it, which is not always as it should. */
import type { IncomingHttpHeaders } from 'node:http'

type Outcome =
  | { readonly status: 304 }
  | { readonly status: 412 }
  | { readonly status: 416 }
  | { readonly status: 200 | 206; readonly first: number; readonly last: number }

/** What conditions and a range make of a request for an object. */
export function decide(
  headers: IncomingHttpHeaders,
  { bytes, headers: stored }: { readonly bytes: Buffer; readonly headers: Readonly<Record<string, string>> },
): Outcome {
  const etag = stored['etag'] ?? ''
  const ifMatch = headers['if-match']
  if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== etag) return { status: 412 }
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch === '*' || ifNoneMatch === etag) return { status: 304 }
  } else {
    const since = Date.parse(headers['if-modified-since'] ?? '')
    if (Date.parse(stored['last-modified'] ?? '') <= since) return { status: 304 }
  }
  const whole = { status: 200, first: 0, last: bytes.length - 1 } as const
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)(?:,.*)?$/.exec(headers['range'] ?? '') ?? []
  if (from === '' && to === '') return whole
  if (from !== '' && to !== '' && Number(to) < Number(from)) return whole
  const first = from === '' ? Math.max(0, bytes.length - Number(to)) : Number(from)
  const last = from === '' || to === '' ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1)
  return first > last ? { status: 416 } : { status: 206, first, last }
}
