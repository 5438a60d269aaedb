/**
 * Cache-Status as a strict recipient reads it (RFC 9211 §2, RFC 9651 §4.2): in doubt it is no structured field at all.
 */

type Parameters = ReadonlyMap<string, string | number | boolean>

const MEMBER = /(?:"(?:[ !#-[\]-~]|\\["\\])*"|[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*)/y
const PARAMETER =
  /; *([a-z*][a-z0-9_.*-]*)(?:=(?:(-?\d{1,15})(?![.\d])|"((?:[ !#-[\]-~]|\\["\\])*)"|\?([01])|([A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*)))?/y
const COMMA = /[ \t]*,[ \t]*/y

/** Parameters of the last member, which is the cache nearest to the client; undefined where the field is malformed. */
export function cacheStatusParameters(value: string): Parameters | undefined {
  for (let position = 0; ; ) {
    const member = matchAt(MEMBER, value, position)
    if (member === null) return undefined
    position += member[0].length
    const parameters = new Map<string, string | number | boolean>()
    for (;;) {
      const parameter = matchAt(PARAMETER, value, position)
      if (parameter === null) break
      position += parameter[0].length
      const [, name = '', integer, text, flag, token] = parameter
      parameters.set(name, integer !== undefined ? Number(integer) : (text ?? token ?? flag !== '0'))
    }
    if (position === value.length) return parameters
    const comma = matchAt(COMMA, value, position)
    if (comma === null) return undefined
    position += comma[0].length
  }
}

function matchAt(pattern: RegExp, value: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position
  return pattern.exec(value)
}
