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

/** name, value, …: the whole header of an answer. @param ownPairs without Vary */
export function composeFields(
  status: number,
  storedPairs: readonly string[],
  routePairs: readonly string[],
  ownPairs: readonly string[],
): string[] {
  return standingFields(status, storedPairs, routePairs, ownPairs).concat(ownPairs)
}

/** All but its own fields. */
function standingFields(
  status: number,
  storedPairs: readonly string[],
  routePairs: readonly string[],
  ownPairs: readonly string[],
): readonly string[] {
  if (routePairs.length === 0) return storedPairs
  const ownNames = lowerCaseNames(ownPairs)
  const fromRoute = filterPairs(routePairs, (name) => {
    const lowerCase = name.toLowerCase()
    return !ownNames.has(lowerCase) && isForStatus(lowerCase, status)
  })
  const replaced = lowerCaseNames(fromRoute)
  const standing = filterPairs(storedPairs, (name) => !isReplaced(name.toLowerCase(), replaced))
  return joinVary([...standing, ...fromRoute])
}

/**
 * The header of an answer made from a stored one. All but its own fields are put together once for all answers of the
 * same form, and where the stored ones go out as they are there is nothing to put together.
 *
 * @param ownPairs without Vary
 */
export function answerFields(
  response: StoredResponse,
  status: number,
  stored: Plan['stored'],
  routePairs: readonly string[],
  ownPairs: readonly string[],
): string[] {
  if (routePairs.length === 0 && stored === 'all') return response.headerPairs.concat(ownPairs)
  const forms = composed.get(response) ?? NO_FORMS
  for (const form of forms) {
    if (form.status !== status || form.stored !== stored || form.routePairs !== routePairs) continue
    if (hasNames(ownPairs, form.ownNames)) return form.pairs.concat(ownPairs)
  }
  const pairs = standingFields(status, selectStored(response, stored), routePairs, ownPairs)
  const ownNames = ownPairs.filter((_, index) => index % 2 === 0)
  composed.set(response, [{ status, stored, routePairs, ownNames, pairs }, ...forms].slice(0, MAX_FORMS))
  return pairs.concat(ownPairs)
}

/** What answers of one form have in common: they have the same fields of their own, apart from the values. */
interface Form {
  readonly status: number
  readonly stored: Plan['stored']
  readonly routePairs: readonly string[]
  readonly ownNames: readonly string[]
  readonly pairs: readonly string[]
}

/** Whole, range and 304, for players of a few sites. */
const MAX_FORMS = 8
const NO_FORMS: readonly Form[] = []
const composed = new WeakMap<StoredResponse, readonly Form[]>()

function hasNames(pairs: readonly string[], names: readonly string[]): boolean {
  return pairs.length === 2 * names.length && names.every((name, index) => pairs[2 * index] === name)
}

/** The stored fields a plan asks for. */
function selectStored({ headerPairs }: StoredResponse, stored: Plan['stored']): readonly string[] {
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
