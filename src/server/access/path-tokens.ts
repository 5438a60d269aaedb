/**
 * Tokens in the path: its first segment, `/token=…/vod/clip/a.m3u8`, from which relative URLs inherit it.
 *
 * It is taken out before a route is looked for, so that patterns, keys, origins and the log know the path without it,
 * whatever the route then makes of the token. The path behind it is parsed anew: it is held to everything that any
 * other path is held to.
 *
 * Invariant: no path that comes out of here holds a segment that begins like a token. One that is escaped, doubled or
 * in another place is refused, since nobody could tell what it was meant for, and the log would have it.
 */

import type { RequestTarget } from '../../http/target.ts'
import { parseTarget } from '../../http/target.ts'

type Target = Extract<RequestTarget, { kind: 'ok' }>

/** A target, and the token segment that stood in front of it, as it was sent. */
export type CleanTarget = Target & { readonly pathToken?: string }

export type TakePathToken = (target: RequestTarget) => CleanTarget | Extract<RequestTarget, { kind: 'refused' }>

const MISPLACED = { kind: 'refused', status: 400, text: 'A token in a place that is none for it' } as const

/** For the tokens that any of these routes takes out of the path. */
export function pathTokensOf(
  routes: readonly { readonly access?: { readonly pathName: string | undefined } }[],
): TakePathToken {
  return pathTokens(routes.map(({ access }) => access?.pathName).filter((name) => name !== undefined))
}

/** @param names of what carries a token in the path of any route; without one, every target stays as it is */
export function pathTokens(names: readonly string[]): TakePathToken {
  const openings = [...new Set(names)].map((name) => `/${name}=`)
  if (openings.length === 0) return (target) => target
  return (target) => {
    if (target.kind === 'refused') return target
    const { path, sentPath, sentQuery } = target
    if (!openings.some((opening) => path.includes(opening))) return target
    const opening = openings.find((one) => sentPath.startsWith(one))
    if (opening === undefined) return MISPLACED
    const slash = sentPath.indexOf('/', opening.length)
    const end = slash === -1 ? sentPath.length : slash
    // Shorter than the whole, whose length was looked at.
    const behind = parseTarget((sentPath.slice(end) || '/') + sentQuery, Number.POSITIVE_INFINITY)
    if (behind.kind === 'refused') return behind
    if (openings.some((one) => behind.path.includes(one))) return MISPLACED
    return { ...behind, pathToken: sentPath.slice(1, end) }
  }
}
