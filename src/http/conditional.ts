/**
 * Conditional requests (RFC 9110 §13) against a representation that exists, for GET and HEAD.
 *
 * Invariant: a condition that cannot be evaluated (a broken date, no modification date to compare) is ignored where
 * ignoring it sends the bytes, and fails where the client asked never to get others.
 */
import { parseHttpDate } from './date.ts'
import { isEntityTag, parseEntityTagList, strongMatch, weakMatch } from './etag.ts'

/** Values of the request's fields, as they arrived. */
export interface RequestConditions {
  readonly ifMatch?: string | undefined
  readonly ifNoneMatch?: string | undefined
  readonly ifModifiedSince?: string | undefined
  readonly ifUnmodifiedSince?: string | undefined
  readonly ifRange?: string | undefined
}

/** Values of the fields of the response that would be sent without conditions. */
export interface SelectedRepresentation {
  readonly etag?: string | undefined
  readonly lastModified?: string | undefined
  readonly date?: string | undefined
}

/**
 * - `proceed`: answer as if there were no conditions; a Range comes next
 * - `not-modified`: 304
 * - `failed`: 412
 */
export type Precondition = 'proceed' | 'not-modified' | 'failed'

/** RFC 9110 §13.2.2, steps 1 to 4. A date is looked at only when the entity-tag condition beside it is absent. */
export function evaluatePreconditions(
  conditions: RequestConditions,
  representation: SelectedRepresentation,
): Precondition {
  const { ifMatch, ifUnmodifiedSince, ifNoneMatch, ifModifiedSince } = conditions

  if (ifMatch !== undefined) {
    if (!matches(ifMatch, representation.etag, strongMatch)) return 'failed'
  } else if (ifUnmodifiedSince !== undefined) {
    if (isUnmodifiedSince(ifUnmodifiedSince, representation) === false) return 'failed'
  }

  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, representation.etag, weakMatch)) return 'not-modified'
  } else if (ifModifiedSince !== undefined) {
    // What does not say when it changed has not changed since it was made (RFC 9111 §4.3.2).
    const lastModified = representation.lastModified ?? representation.date
    if (isUnmodifiedSince(ifModifiedSince, { lastModified }) === true) return 'not-modified'
  }
  return 'proceed'
}

/**
 * Whether If-Range lets a Range count (RFC 9110 §13.1.5). True without If-Range.
 *
 * A tag has to match strongly. A date has to be the Last-Modified itself, and a strong validator: at least a second
 * older than the response's Date (§8.8.2.2), since the object may have changed twice in one second.
 */
export function rangeApplies(conditions: RequestConditions, representation: SelectedRepresentation): boolean {
  const { ifRange } = conditions
  if (ifRange === undefined) return true
  if (isEntityTag(ifRange)) return representation.etag !== undefined && strongMatch(ifRange, representation.etag)

  const lastModifiedMs = dateOf(representation.lastModified)
  const dateMs = dateOf(representation.date)
  if (lastModifiedMs === undefined || dateMs === undefined) return false
  return dateOf(ifRange) === lastModifiedMs && dateMs - lastModifiedMs >= 1000
}

function matches(list: string, etag: string | undefined, match: (a: string, b: string) => boolean): boolean {
  // What nearly everyone sends: the one tag they were given.
  if (list === etag && isEntityTag(list)) return match(list, etag)
  const tags = parseEntityTagList(list)
  if (tags === '*') return true
  return etag !== undefined && tags.some((tag) => match(tag, etag))
}

/** Undefined when it cannot be said: such a condition is ignored (RFC 9110 §13.1.3, §13.1.4). */
function isUnmodifiedSince(since: string, representation: SelectedRepresentation): boolean | undefined {
  const sinceMs = dateOf(since)
  const lastModifiedMs = dateOf(representation.lastModified)
  if (sinceMs === undefined || lastModifiedMs === undefined) return undefined
  return lastModifiedMs <= sinceMs
}

function dateOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : parseHttpDate(value)
}
