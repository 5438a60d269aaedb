/** Parameters of a query as it was sent: looked up and taken out by their raw names, everything else kept as it is. */

/** The raw value; undefined where there is none. Two of them are no value: nobody can say which one counts. */
export function queryParameter(query: string, name: string): string | undefined {
  const start = parameterStart(query, name, 0)
  if (start === -1 || parameterStart(query, name, start + 1) !== -1) return undefined
  const end = query.indexOf('&', start)
  return query.slice(start + name.length + 1, end === -1 ? query.length : end)
}

/** Whether there is one, or more than one. */
export function hasParameter(query: string, name: string): boolean {
  return parameterStart(query, name, 0) !== -1
}

/** The query without those parameters, the others in their order; the same text where there are none of them. */
export function withoutParameters(query: string, isTakenOut: (name: string) => boolean): string {
  if (query === '') return query
  const parameters = query.split('&')
  const kept = parameters.filter((parameter) => !isTakenOut(parameterName(parameter)))
  return kept.length === parameters.length ? query : kept.join('&')
}

/** The parameters that {@link withoutParameters} takes out. */
export function onlyParameters(query: string, isKept: (name: string) => boolean): string {
  return withoutParameters(query, (name) => !isKept(name))
}

/** The part before the first equals sign. */
export function parameterName(parameter: string): string {
  const equals = parameter.indexOf('=')
  return equals === -1 ? parameter : parameter.slice(0, equals)
}

/** Where `name=` begins a parameter at or after `from`, or -1. */
function parameterStart(query: string, name: string, from: number): number {
  const sought = `${name}=`
  for (let start = query.indexOf(sought, from); start !== -1; start = query.indexOf(sought, start + 1)) {
    if (start === 0 || query.charCodeAt(start - 1) === AMPERSAND) return start
  }
  return -1
}

const AMPERSAND = 0x26
