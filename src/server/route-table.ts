/**
 * Route table: which route serves a path, found without asking all of them.
 *
 * Routes stand in a tree under the whole segments that their patterns begin with, and those of one path alone in a map
 * besides. A path is held against the patterns of the nodes that it passes on its way down, so a thousand routes that
 * begin differently cost as much as one; those that begin alike, or with a wildcard, are asked one after the other.
 *
 * Invariant: `find` gives the first route, in the order they were given, whose pattern covers the path.
 */

import type { PathPattern } from '../http/pattern.ts'

export interface RouteTable<Found> {
  /** In their order. */
  readonly all: readonly Found[]
  /** @param path decoded, beginning with a slash */
  find(path: string): Found | undefined
}

interface Entry<Found> {
  readonly index: number
  readonly route: Found
  readonly pattern: PathPattern
}

interface Node<Found> {
  /** By their index. */
  readonly entries: Entry<Found>[]
  /** By the next segment, without its slashes. */
  readonly below: Map<string, Node<Found>>
}

export function compileRoutes<Found extends { readonly pattern: PathPattern }>(
  routes: readonly Found[],
): RouteTable<Found> {
  const root = emptyNode<Found>()
  const byPath = new Map<string, Entry<Found>>()
  for (const [index, route] of routes.entries()) {
    const { pattern } = route
    const entry = { index, route, pattern }
    for (const { text, isWhole } of pattern.beginnings) {
      if (!isWhole) addOnce(nodeOf(root, text).entries, entry)
      else if (!byPath.has(text)) byPath.set(text, entry)
    }
  }
  const ofPath = (path: string) => (byPath.size === 0 ? undefined : byPath.get(path))
  return { all: routes, find: (path) => find(root, ofPath(path), path)?.route }
}

/** The first one on the way down, unless a path of its own comes before it. */
function find<Found>(root: Node<Found>, byPath: Entry<Found> | undefined, path: string): Entry<Found> | undefined {
  let first = byPath
  let node: Node<Found> | undefined = root
  let start = 1
  while (node !== undefined) {
    for (const entry of node.entries) {
      if (first !== undefined && entry.index >= first.index) break
      if (entry.pattern.test(path)) {
        first = entry
        break
      }
    }
    if (node.below.size === 0) break
    const slash = path.indexOf('/', start)
    if (slash === -1) break
    node = node.below.get(path.slice(start, slash))
    start = slash + 1
  }
  return first
}

/** Where what begins with this text stands: under its whole segments, `/live/cam-` under `live`. */
function nodeOf<Found>(root: Node<Found>, beginning: string): Node<Found> {
  const segments = beginning.split('/').slice(0, -1)
  // Whatever does not begin with a slash covers nothing, and may stand anywhere.
  if (segments.shift() !== '') return root
  let node = root
  for (const segment of segments) {
    const next = node.below.get(segment) ?? emptyNode<Found>()
    node.below.set(segment, next)
    node = next
  }
  return node
}

/** Several of its beginnings may lead to the same node. */
function addOnce<Found>(entries: Entry<Found>[], entry: Entry<Found>): void {
  if (entries.at(-1) !== entry) entries.push(entry)
}

function emptyNode<Found>(): Node<Found> {
  return { entries: [], below: new Map() }
}
