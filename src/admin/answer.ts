/** What the admin listener answers with, before anything of it is on the wire. */

import { STATUS_CODES } from 'node:http'

export interface AdminAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  /** Beside those that every answer has. */
  readonly fields?: Readonly<Record<string, string>>
}

/** @param value anything that JSON can say */
export function json(status: number, value: unknown): AdminAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` }
}

/**
 * An error for a program and a person alike (RFC 9457). The type is about:blank: the status says it all, and `detail`
 * what to do about it. Holds nothing of what the request said but what the caller puts into `detail`.
 */
export function problem(status: number, detail: string, fields: Readonly<Record<string, string>> = {}): AdminAnswer {
  const title = STATUS_CODES[status] ?? 'Error'
  const body = `${JSON.stringify({ type: 'about:blank', title, status, detail })}\n`
  return { status, contentType: 'application/problem+json', body, fields }
}
