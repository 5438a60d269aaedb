/**
 * CacheKey: what makes two requests ask for the same stored answer.
 *
 * The origin's name, the object's name and the query parameters that count. Never the method (HEAD is answered from
 * what GET stored), never a header, never a parameter the route does not name.
 */

/** Unique per stored answer; readable, so that it can be shown to an operator. */
export type CacheKey = string

/**
 * The parameters of a raw query that are part of the key, in the order of their names, so that `?a=1&b=2` and
 * `?b=2&a=1` are one. Repeated parameters keep their order; names and values stay as they were escaped.
 */
export function selectQuery(query: string, include: readonly string[]): string {
  if (query === '' || include.length === 0) return ''
  const selected = query.split('&').filter((parameter) => include.includes(parameterName(parameter)))
  return selected.length < 2 ? selected.join('') : selected.sort(byName).join('&')
}

/**
 * `query` is what {@link selectQuery} returned. The parts never run together: a space cannot occur in an origin's name,
 * and a question mark that belongs to the object's name is escaped, so that `/a%3Fv=1` cannot pose as `/a?v=1`.
 */
export function cacheKey(originName: string, objectKey: string, query: string): CacheKey {
  const isPlain = !objectKey.includes('%') && !objectKey.includes('?')
  const object = isPlain ? objectKey : objectKey.replace(/[%?]/g, escaped)
  return query === '' ? `${originName} ${object}` : `${originName} ${object}?${query}`
}

function escaped(character: string): string {
  return character === '%' ? '%25' : '%3F'
}

function parameterName(parameter: string): string {
  const equals = parameter.indexOf('=')
  return equals === -1 ? parameter : parameter.slice(0, equals)
}

function byName(a: string, b: string): number {
  const nameA = parameterName(a)
  const nameB = parameterName(b)
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0
}
