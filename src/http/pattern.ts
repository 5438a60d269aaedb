/**
 * Path patterns of routes: `*` inside one segment, `**` across segments, `{a,b}` alternatives. Everything else is
 * itself; a pattern always covers the whole path.
 *
 * A pattern is taken apart into one for each choice among its alternatives, and each of these into the text it begins
 * with, the text it ends with, and what is between them; most are one of a few shapes that need no more than a look for
 * a slash.
 *
 * Invariant: a match takes time in proportion to the path's length times the pattern's, whatever the path: paths come
 * from strangers, and a backtracking expression with several `*` could be held up by one of them for minutes.
 */

export interface PathPattern {
  /** Whether a path is covered, as a RegExp would tell. */
  test(path: string): boolean
  /** Every covered path begins with one of these. */
  readonly beginnings: readonly Beginning[]
}

export interface Beginning {
  readonly text: string
  /** Nothing may follow: this very path is covered. */
  readonly isWhole: boolean
}

type Element =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'star' }
  | { readonly kind: 'globstar' }
  | { readonly kind: 'folders' }
  | { readonly kind: 'alternatives'; readonly sequences: readonly (readonly Element[])[] }

/** Places in a path, one more than its characters: 1 where what comes before may have ended. */
type Places = Uint8Array

/** A pattern that has more choices is not taken apart. */
const MAX_CHOICES = 64

/**
 * `/a/**` covers `/a/` and everything below it, and `/**` every path; `/**` before a slash may be nothing at all,
 * so that `/live/**` + `/*.m3u8` covers `/live/x.m3u8` too.
 *
 * @throws {SyntaxError} naming what is wrong: an open or stray brace, alternatives inside alternatives
 */
export function compilePattern(pattern: string): PathPattern {
  const choices = choicesOf(parse(pattern)).map(compileChoice)
  const beginnings = choices.map(({ beginning }) => beginning)
  const [only, ...others] = choices
  if (only !== undefined && others.length === 0) return { test: only.test, beginnings }
  return { test: (path) => choices.some(({ test }) => test(path)), beginnings }
}

/** Sequences that cover together what this one covers, without alternatives in them. */
function choicesOf(elements: readonly Element[]): readonly (readonly Element[])[] {
  let choices: readonly (readonly Element[])[] = [[]]
  for (const element of elements) {
    const ways = element.kind === 'alternatives' ? element.sequences : [[element]]
    if (choices.length * ways.length > MAX_CHOICES) return [elements]
    choices = choices.flatMap((choice) => ways.map((way) => [...choice, ...way]))
  }
  return choices.map(joinTexts)
}

function joinTexts(elements: readonly Element[]): readonly Element[] {
  const joined: Element[] = []
  for (const element of elements) {
    const last = joined.at(-1)
    if (last?.kind === 'text' && element.kind === 'text')
      joined[joined.length - 1] = { kind: 'text', text: last.text + element.text }
    else joined.push(element)
  }
  return joined
}

interface Choice {
  readonly test: (path: string) => boolean
  readonly beginning: Beginning
}

function compileChoice(elements: readonly Element[]): Choice {
  const [first] = elements
  const prefix = first?.kind === 'text' ? first.text : ''
  const afterPrefix = first?.kind === 'text' ? elements.slice(1) : elements
  if (afterPrefix.length === 0) return { test: (path) => path === prefix, beginning: { text: prefix, isWhole: true } }
  const last = afterPrefix.at(-1)
  const suffix = last?.kind === 'text' ? last.text : ''
  const between = last?.kind === 'text' ? afterPrefix.slice(0, -1) : afterPrefix
  const covers = coversBetween(between, prefix.length) ?? walk(elements)
  const minLength = prefix.length + suffix.length
  return {
    test: (path) =>
      path.length >= minLength &&
      path.startsWith(prefix) &&
      path.endsWith(suffix) &&
      covers(path, path.length - suffix.length),
    // Folders begin with a slash.
    beginning: { text: between[0]?.kind === 'folders' ? `${prefix}/` : prefix, isWhole: false },
  }
}

/** Whether what is between the two texts is covered; `end` is where the suffix begins, which is not before `start`. */
type CoversBetween = (path: string, end: number) => boolean

/** Undefined for what is no common shape. */
function coversBetween(between: readonly Element[], start: number): CoversBetween | undefined {
  switch (between.map(({ kind }) => kind).join(' ')) {
    case 'globstar':
      return () => true
    case 'star':
      return (path, end) => {
        const slash = path.indexOf('/', start)
        return slash === -1 || slash >= end
      }
    case 'folders':
      return (path, end) => end > start && path[start] === '/' && path[end - 1] === '/'
    case 'folders star':
      // Behind the last slash everything is the star's.
      return (path, end) => end > start && path[start] === '/'
    default:
      return undefined
  }
}

/** Any elements at all, by all the ways at once. */
function walk(elements: readonly Element[]): CoversBetween {
  return (path) => {
    const start = new Uint8Array(path.length + 1)
    start[0] = 1
    return follow(elements, path, start)[path.length] === 1
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
