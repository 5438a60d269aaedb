/** Content of requests held against its schema: what is wrong is named by its place, and answered with 400. */

import type * as z from 'zod'
import type { AdminRequest, Respond } from './admin-server.ts'
import { type AdminAnswer, problem } from './answer.ts'

const MAX_NAMED = 5

/** An endpoint's answer to content that fits `schema`. */
export function checked<Content>(
  schema: z.ZodType<Content>,
  respond: (content: Content, request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>,
): Respond {
  return (request) => {
    const parsed = schema.safeParse(request.content)
    if (parsed.success) return respond(parsed.data, request)
    const faults = parsed.error.issues.slice(0, MAX_NAMED)
    return problem(400, faults.map(({ path, message }) => `${placeOf(path)}${message}`).join('; '))
  }
}

function placeOf(path: readonly PropertyKey[]): string {
  const place = path.map((one) => (typeof one === 'number' ? `[${one}]` : `.${String(one)}`)).join('')
  return place === '' ? '' : `${place.replace(/^\./, '')}: `
}
