/**
 * Content-Range (RFC 9110 §14.4) as it arrives: which bytes of how many a 206 carries.
 *
 * Invariant: what comes out lies within the whole, has at least one byte, and is counted exactly.
 */

import type { ByteRange } from './range.ts'

/** A part and the length of the whole it was taken from. */
export interface PartRange extends ByteRange {
  readonly total: number
}

/** Fifteen digits stay exact as a number. */
const PART = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i

/** Undefined for anything else, a total that is not told (`*`) included. */
export function parseContentRange(value: string | undefined): PartRange | undefined {
  const match = PART.exec(value ?? '')
  if (match === null) return undefined
  const [start, last, total] = [Number(match[1]), Number(match[2]), Number(match[3])]
  return start <= last && last < total ? { start, end: last + 1, total } : undefined
}
