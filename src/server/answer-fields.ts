/**
 * Answer fields: what every answer on a connection carries, whoever it comes from and whatever it says itself
 * (Strict-Transport-Security, RFC 6797 §7.1).
 */

import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** name, value, …: `pairs`, with `own` in place of fields of the same names. */
export function withAnswerFields(pairs: readonly string[], own: readonly string[]): readonly string[] {
  if (own.length === 0) return pairs
  const names = new Set<string>()
  for (let index = 0; index < own.length; index += 2) names.add((own[index] ?? '').toLowerCase())
  const fields: string[] = []
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const name = pairs[index] ?? ''
    if (!names.has(name.toLowerCase())) fields.push(name, pairs[index + 1] ?? '')
  }
  fields.push(...own)
  return fields
}

/** Node's response to HTTP/1.1 with these fields. Its header is written as pairs, everywhere in this program. */
export function responseWith(fieldsOf: (socket: Socket) => readonly string[]): typeof ServerResponse<IncomingMessage> {
  return class extends ServerResponse<IncomingMessage> {
    override writeHead(status: number, ...rest: readonly unknown[]): this {
      const reason = typeof rest[0] === 'string' ? [rest[0]] : []
      const pairs = (rest[reason.length] ?? []) as readonly string[]
      return Reflect.apply(super.writeHead, this, [
        status,
        ...reason,
        withAnswerFields(pairs, fieldsOf(this.req.socket)),
      ])
    }
  }
}
