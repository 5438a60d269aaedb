/** Content-Length (RFC 9110 §8.6) as it arrives. */

/** A strict Content-Length (RFC 9110 §8.6); anything else counts as not stated. */
export function contentLength(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['content-length']
  if (value === undefined || !/^\d{1,15}$/.test(value)) return undefined
  return Number(value)
}
