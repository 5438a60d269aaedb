/** The expression of nginx's secure_link_md5: literal text and the variables that are known here. Pure. */

const VARIABLES = ['secure_link_expires', 'uri', 'remote_addr', 'key'] as const
export type Variable = (typeof VARIABLES)[number]
export type Part = { readonly text: string } | { readonly variable: Variable }

const REQUIRED: readonly Variable[] = ['secure_link_expires', 'uri', 'key']
const REFERENCE = /\$(?:\{(\w+)\}|(\w+))/g
/** What is wrong with an expression, as a sentence; undefined where nothing is. */
export function secureLinkFault(expression: string): string | undefined {
  const used = new Set<string>()
  for (const [, braced, plain] of expression.matchAll(REFERENCE)) used.add(braced ?? plain ?? '')
  for (const name of used) {
    if (!isVariable(name))
      return `holds $${name}, which is not known here (${VARIABLES.map((it) => `$${it}`).join(', ')})`
  }
  const missing = REQUIRED.find((name) => !used.has(name))
  return missing === undefined ? undefined : `does not hold $${missing}`
}

/** @param expression that {@link secureLinkFault} finds no fault in */
export function compileExpression(expression: string): readonly Part[] {
  const parts: Part[] = []
  let end = 0
  for (const match of expression.matchAll(REFERENCE)) {
    const name = match[1] ?? match[2] ?? ''
    if (match.index > end) parts.push({ text: expression.slice(end, match.index) })
    if (isVariable(name)) parts.push({ variable: name })
    end = match.index + match[0].length
  }
  if (end < expression.length) parts.push({ text: expression.slice(end) })
  return parts
}

function isVariable(name: string): name is Variable {
  return VARIABLES.some((known) => known === name)
}
