/**
 * Withholding: an HTTP origin that is not told some fields of the clients' requests, since their answer is given here.
 *
 * Invariant: what it never sees it cannot have chosen an answer by, so its Vary does not name them either, and no cache
 * keeps an answer once for each of their values.
 */

import { trimWhitespace } from '../http/syntax.ts'
import type { FieldPairs, Origin, OriginResponse } from './origin.ts'

/** @param isWithheld told the method and the name of a field, in lower case */
export function withholding(origin: Origin, isWithheld: (lowerCaseName: string, method: string) => boolean): Origin {
  return {
    name: origin.name,
    fetch: async ({ fields, ...request }) => {
      const isOurs = (name: string) => isWithheld(name.toLowerCase(), request.method ?? 'GET')
      const rest = fields && { fields: without(fields, isOurs) }
      return withoutVary(await origin.fetch({ ...request, ...rest }), isOurs)
    },
    usage: () => origin.usage(),
    close: () => origin.close(),
  }
}

function without(fields: FieldPairs, isOurs: (name: string) => boolean): FieldPairs {
  return fields.filter((_, index) => !isOurs(fields[index - (index % 2)] ?? ''))
}

function withoutVary(response: OriginResponse, isOurs: (name: string) => boolean): OriginResponse {
  const { vary, ...others } = response.headers
  if (vary === undefined) return response
  const members = vary.split(',').map(trimWhitespace)
  const rest = members.filter((name) => !isOurs(name))
  if (rest.length === members.length) return response
  return { ...response, headers: rest.length === 0 ? others : { ...others, vary: rest.join(', ') } }
}
