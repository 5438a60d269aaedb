/** What the admin listener answers with, before anything of it is on the wire. */

import { STATUS_CODES } from 'node:http'

export interface AdminAnswer {
  readonly status: number
  readonly contentType: string
  /**
   * What comes piece by piece is asked for the next piece when the connection has taken the last one. Where the asker
   * leaves, its `return` is called; what it waits for by itself it ends by the request's signal.
   */
  readonly body: string | Buffer | AsyncIterable<string>
  /** Beside those that every answer has. */
  readonly fields?: Readonly<Record<string, string>>
}

/** @param value anything that JSON can say */
export function json(status: number, value: unknown): AdminAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` }
}

/** One value a line, each as soon as it is there. @param values each anything that JSON can say */
export function jsonLines(values: AsyncIterable<unknown>): AdminAnswer {
  return {
    status: 200,
    contentType: 'application/jsonl',
    body: mapped(values, (value) => `${JSON.stringify(value)}\n`),
  }
}

/** One event of a stream that a page listens to. */
export interface ServerSentEvent {
  /** Without line breaks. */
  readonly event: string
  /** Anything that JSON can say. */
  readonly data: unknown
}

/** Server-sent events (HTML §9.2), for as long as `events` goes on and somebody listens. */
export function eventStream(events: AsyncIterable<ServerSentEvent>): AdminAnswer {
  const written = ({ event, data }: ServerSentEvent) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
  return { status: 200, contentType: 'text/event-stream', body: mapped(events, written) }
}

async function* mapped<Value>(values: AsyncIterable<Value>, write: (value: Value) => string): AsyncGenerator<string> {
  for await (const value of values) yield write(value)
}

/**
 * An error for a program and a person alike (RFC 9457). The type is about:blank: the status says it all, and `detail`
 * what to do about it. Holds nothing of what the request said but what the caller puts into `detail`.
 *
 * @param more members beside those of every problem, anything that JSON can say
 */
export function problem(
  status: number,
  detail: string,
  fields: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, unknown>> = {},
): AdminAnswer {
  const title = STATUS_CODES[status] ?? 'Error'
  const body = `${JSON.stringify({ type: 'about:blank', title, status, detail, ...more })}\n`
  return { status, contentType: 'application/problem+json', body, fields }
}
