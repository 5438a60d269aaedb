/**
 * Fields: what an answer's header is made of. The stored fields first, then the route's, then the answer's own.
 *
 * Each later group stands in place of fields of the same name in the ones before, but a route's fields are meant for
 * objects: they never give an error a lifetime, nor a short text or a multipart body another media type. Only Vary adds
 * up, into one field: a cache further on has to know all that an answer was chosen by.
 */

import type { StoredResponse } from '../cache/stored-response.ts'
import { joinVary } from '../http/vary.ts'
import { isCorsField, OF_EVERY_CORS_ANSWER } from '../media/cors.ts'
import type { Plan } from './plan.ts'

/** Fields of a 304 (RFC 9110 §15.4.5): what a client needs to update its own copy, and nothing about bytes. */
const IN_NOT_MODIFIED = new Set(['Cache-Control', 'Content-Location', 'Date', 'ETag', 'Expires', 'Vary'])

/** They describe the object's bytes. */
const OF_REPRESENTATION = new Set(['content-disposition', 'content-language', 'content-location', 'content-type'])

/** They tell caches how long the object may be kept (RFC 9111 §5, RFC 9213, and what CDNs had before it). */
const OF_LIFETIME = new Set(['cache-control', 'cdn-cache-control', 'expires', 'surrogate-control'])

/** name, value, …: the whole header of an answer. */
export function composeFields(
  status: number,
  storedPairs: readonly string[],
  routePairs: readonly string[],
  ownPairs: readonly string[],
): string[] {
  if (routePairs.length === 0) return [...storedPairs, ...ownPairs]
  const ownNames = lowerCaseNames(ownPairs)
  const fromRoute = filterPairs(routePairs, (name) => {
    const lowerCase = name.toLowerCase()
    return !ownNames.has(lowerCase) && isForStatus(lowerCase, status)
  })
  const replaced = lowerCaseNames(fromRoute)
  const standing = filterPairs(storedPairs, (name) => !isReplaced(name.toLowerCase(), replaced))
  return joinVary([...standing, ...fromRoute, ...ownPairs])
}

/** The stored fields a plan asks for. */
export function selectStored({ headerPairs }: StoredResponse, stored: Plan['stored']): readonly string[] {
  switch (stored) {
    case 'all':
      return headerPairs
    case 'none':
      return NO_PAIRS
    case 'without-type':
      return filterPairs(headerPairs, (name) => name !== 'Content-Type')
    case 'not-modified':
      return filterPairs(headerPairs, (name) => IN_NOT_MODIFIED.has(name))
    default:
      return stored satisfies never
  }
}

export const NO_PAIRS: readonly string[] = []

/** Every Vary counts; and who says one thing about CORS says all of it, lest two permissions add up to a third. */
function isReplaced(lowerCaseName: string, byRoute: ReadonlySet<string>): boolean {
  if (lowerCaseName === 'vary') return false
  return byRoute.has(lowerCaseName) || (byRoute.has(OF_EVERY_CORS_ANSWER) && isCorsField(lowerCaseName))
}

/** Whether a route's field makes sense with a status. */
function isForStatus(lowerCaseName: string, status: number): boolean {
  if (status === 200 || status === 206) return true
  if (OF_REPRESENTATION.has(lowerCaseName)) return false
  return status === 304 || !OF_LIFETIME.has(lowerCaseName)
}

function lowerCaseNames(pairs: readonly string[]): ReadonlySet<string> {
  return new Set(pairs.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()))
}

function filterPairs(pairs: readonly string[], isWanted: (name: string) => boolean): readonly string[] {
  return pairs.filter((text, index) => isWanted(index % 2 === 0 ? text : (pairs[index - 1] ?? '')))
}
