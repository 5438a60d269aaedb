/**
 * Path patterns of routes: `*` inside one segment, `**` across segments, `{a,b}` alternatives. Everything else is
 * itself; a pattern always covers the whole path.
 */

/**
 * A pattern as a regular expression without backtracking traps: `**` is the only part that crosses a slash.
 * `/a/**` covers `/a/` and everything below it, and `/**` every path; `/**` before a slash may be nothing at all,
 * so that `/live/**` + `/*.m3u8` covers `/live/x.m3u8` too.
 *
 * @throws {SyntaxError} naming what is wrong: an open or stray brace, alternatives inside alternatives
 */
export function compilePattern(pattern: string): RegExp {
  let source = ''
  let isInBraces = false
  let index = 0
  while (index < pattern.length) {
    const character = pattern.charAt(index)
    if (pattern.startsWith('/**/', index)) {
      source += '/(?:.*/)?'
      index += 4
      continue
    }
    if (pattern.startsWith('**', index)) {
      source += '.*'
      index += 2
      continue
    }
    if (character === '*') source += '[^/]*'
    else if (character === '{') {
      if (isInBraces) throw new SyntaxError(`alternatives inside alternatives at ${index + 1}`)
      isInBraces = true
      source += '(?:'
    } else if (character === '}') {
      if (!isInBraces) throw new SyntaxError(`"}" without "{" at ${index + 1}`)
      isInBraces = false
      source += ')'
    } else if (character === ',' && isInBraces) source += '|'
    else source += character.replace(/[\\^$.|?+()[\]]/g, '\\$&')
    index += 1
  }
  if (isInBraces) throw new SyntaxError('"{" without "}"')
  return new RegExp(`^${source}$`, 's')
}
