/**
 * Path patterns of routes: `*` inside one segment, `**` across segments, `{a,b}` alternatives. Everything else is
 * itself; a pattern always covers the whole path.
 *
 * Invariant: a match takes time in proportion to the path's length times the pattern's, whatever the path: paths come
 * from strangers, and a backtracking expression with several `*` could be held up by one of them for minutes.
 */

/** Whether a path is covered, as a RegExp would tell. */
export interface PathPattern {
  test(path: string): boolean
}

type Element =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'star' }
  | { readonly kind: 'globstar' }
  | { readonly kind: 'folders' }
  | { readonly kind: 'alternatives'; readonly sequences: readonly (readonly Element[])[] }

/** Places in a path, one more than its characters: 1 where what comes before may have ended. */
type Places = Uint8Array

/**
 * `/a/**` covers `/a/` and everything below it, and `/**` every path; `/**` before a slash may be nothing at all,
 * so that `/live/**` + `/*.m3u8` covers `/live/x.m3u8` too.
 *
 * @throws {SyntaxError} naming what is wrong: an open or stray brace, alternatives inside alternatives
 */
export function compilePattern(pattern: string): PathPattern {
  const elements = parse(pattern)
  const [first] = elements
  const last = elements.at(-1)
  const prefix = first?.kind === 'text' ? first.text : ''
  const suffix = last?.kind === 'text' ? last.text : ''
  return {
    test: (path) => {
      if (!path.startsWith(prefix) || !path.endsWith(suffix)) return false // most routes that do not match end here
      const start = new Uint8Array(path.length + 1)
      start[0] = 1
      return follow(elements, path, start)[path.length] === 1
    },
  }
}

function parse(pattern: string): readonly Element[] {
  const outer: Element[] = []
  let sequences: Element[][] | undefined
  let current = outer
  let index = 0
  while (index < pattern.length) {
    const character = pattern.charAt(index)
    // The slash after a folder's pattern may open the next one: `/**/**/x` is `/**/x`.
    if (pattern.startsWith('/**/', index)) {
      current.push({ kind: 'folders' })
      index += 4
      while (pattern.startsWith('**/', index)) index += 3
      continue
    }
    if (pattern.startsWith('**', index)) {
      current.push({ kind: 'globstar' })
      index += 2
      continue
    }
    if (character === '*') current.push({ kind: 'star' })
    else if (character === '{') {
      if (sequences !== undefined) throw new SyntaxError(`alternatives inside alternatives at ${index + 1}`)
      current = []
      sequences = [current]
    } else if (character === '}') {
      if (sequences === undefined) throw new SyntaxError(`"}" without "{" at ${index + 1}`)
      outer.push({ kind: 'alternatives', sequences })
      sequences = undefined
      current = outer
    } else if (character === ',' && sequences !== undefined) {
      current = []
      sequences.push(current)
    } else {
      const last = current.at(-1)
      if (last?.kind === 'text') current[current.length - 1] = { kind: 'text', text: last.text + character }
      else current.push({ kind: 'text', text: character })
    }
    index += 1
  }
  if (sequences !== undefined) throw new SyntaxError('"{" without "}"')
  return outer
}

function follow(elements: readonly Element[], path: string, start: Places): Places {
  let places = start
  for (const element of elements) places = step(element, path, places)
  return places
}

function step(element: Element, path: string, from: Places): Places {
  const to = new Uint8Array(from.length)
  switch (element.kind) {
    case 'text': {
      const { text } = element
      for (let place = from.indexOf(1); place !== -1; place = from.indexOf(1, place + 1)) {
        if (path.startsWith(text, place)) to[place + text.length] = 1
      }
      return to
    }
    case 'star':
      for (let place = 0; place < from.length; place += 1) {
        const isReached = place > 0 && to[place - 1] === 1 && path[place - 1] !== '/'
        if (isReached || from[place] === 1) to[place] = 1
      }
      return to
    case 'globstar': {
      const first = from.indexOf(1)
      return first === -1 ? to : to.fill(1, first)
    }
    case 'folders': {
      let isInside = false
      for (let place = 0; place < path.length; place += 1) {
        if (path[place] !== '/') continue
        if (from[place] === 1) isInside = true
        if (isInside) to[place + 1] = 1
      }
      return to
    }
    case 'alternatives':
      for (const sequence of element.sequences) {
        const ends = follow(sequence, path, from)
        for (let place = 0; place < to.length; place += 1) if (ends[place] === 1) to[place] = 1
      }
      return to
    default:
      return element satisfies never
  }
}
