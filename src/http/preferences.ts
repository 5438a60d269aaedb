/**
 * Accept-Encoding and Accept-Language brought into one form for everything that means the same (RFC 9110 §12.5.3,
 * §12.5.4), so that a cache can tell whether two requests ask for the same thing.
 *
 * Invariant: two values come out alike only where the field's own rules make them equal. A value that breaks these
 * rules comes out as undefined: nobody can say what it is equal to.
 */
import { isToken, trimWhitespace } from './syntax.ts'

/** Weights in thousandths, by name; a name has one weight only. */
type Weights = Map<string, number>

const WEIGHTED = /^(?<name>[^;\s]+)(?:[ \t]*;[ \t]*q=(?<weight>0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i
const LANGUAGE_RANGE = /^(?:\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)$/
const FULL_WEIGHT = 1000

/**
 * Content codings in order of weight, those of equal weight by name. `x-gzip` and `x-compress` are `gzip` and
 * `compress` (RFC 9110 §8.4.1); a weight of 1 is not said.
 *
 * What is not listed is not acceptable, apart from `identity`, which is unless it is forbidden. So a coding with
 * weight 0 says nothing where there is no `*`; `*;q=0` forbids `identity` and nothing else that was not forbidden
 * already; and a value that leaves only `identity`, the empty one too, is `identity`.
 */
export function normaliseAcceptEncoding(value: string): string | undefined {
  const weights = parseWeights(value, codingName)
  if (weights === undefined) return undefined

  if (weights.get('*') === 0) {
    weights.delete('*')
    if (!weights.has('identity')) weights.set('identity', 0)
  }
  if (!weights.has('*')) {
    for (const [name, weight] of weights) {
      if (weight === 0 && name !== 'identity') weights.delete(name)
    }
    const identity = weights.get('identity')
    if (weights.size === 0 || (weights.size === 1 && identity !== undefined && identity > 0)) return 'identity'
  }
  return formatWeights(weights)
}

/**
 * Language ranges in order of weight, in lower case. Those of equal weight are sorted by name: their order has no
 * meaning that could be relied upon (RFC 9110 §12.5.4).
 */
export function normaliseAcceptLanguage(value: string): string | undefined {
  const weights = parseWeights(value, languageRange)
  return weights === undefined ? undefined : formatWeights(weights)
}

/**
 * Those of the offered codings that a request takes at least as gladly as no coding at all: by weight, and those of
 * equal weight in the order in which they are offered. `*` stands for what is not listed, `identity` among it; where
 * nothing is said of `identity` it is taken last (RFC 9110 §12.5.3). None where the value is malformed.
 */
export function acceptableCodings<Coding extends string>(value: string, offered: readonly Coding[]): readonly Coding[] {
  const weights = parseWeights(value, codingName)
  if (weights === undefined) return []
  const weightOf = (name: string) => weights.get(name) ?? weights.get('*') ?? 0
  return offered
    .filter((coding) => weightOf(coding) > 0 && weightOf(coding) >= weightOf('identity'))
    .toSorted((a, b) => weightOf(b) - weightOf(a))
}

function codingName(text: string): string | undefined {
  if (!isToken(text)) return undefined
  return text === 'x-gzip' || text === 'x-compress' ? text.slice(2) : text
}

function languageRange(text: string): string | undefined {
  return LANGUAGE_RANGE.test(text) ? text : undefined
}

/** Undefined where a member is malformed, or where one name has two weights. */
function parseWeights(value: string, nameOf: (lowerCaseText: string) => string | undefined): Weights | undefined {
  const weights: Weights = new Map()
  for (const member of value.split(',')) {
    const text = trimWhitespace(member)
    if (text === '') continue
    const groups = WEIGHTED.exec(text)?.groups
    const name = nameOf((groups?.['name'] ?? '').toLowerCase())
    if (name === undefined) return undefined
    const weight = Math.round(Number(groups?.['weight'] ?? 1) * FULL_WEIGHT)
    if ((weights.get(name) ?? weight) !== weight) return undefined
    weights.set(name, weight)
  }
  return weights
}

function formatWeights(weights: Weights): string {
  return [...weights]
    .toSorted(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1))
    .map(([name, weight]) => (weight === FULL_WEIGHT ? name : `${name};q=${weight / FULL_WEIGHT}`))
    .join(', ')
}
