/**
 * Delivery directives (HLS 2nd edition, §6.2.5): query parameters by which a player asks for a playlist that holds a
 * certain segment or part, or for what is new in it. With each of them the answer is another one.
 */

import { isPlaylist } from './types.ts'

const DIRECTIVES: readonly string[] = ['_HLS_msn', '_HLS_part', '_HLS_skip']

/** The names of the query parameters that count for this path, where the route names these. */
export function withDirectives(include: readonly string[], path: string): readonly string[] {
  return isPlaylist(path) ? [...include, ...DIRECTIVES] : include
}
