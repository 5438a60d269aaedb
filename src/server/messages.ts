/**
 * Messages: what the server relies on of a request and of its answer, whichever version of HTTP carries them.
 *
 * Node's own classes for HTTP/1.1 are such messages, and so are those of `http2-request.ts` and `http2-response.ts`.
 *
 * Invariant: a request shows its fields as HTTP/1.1 would have them: Host among them, and a coding or a length wherever
 * content follows. An answer takes fields as HTTP/1.1 would have them, and its version leaves out what it does not know.
 */

import type { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** A request; as a stream, its content. */
export interface IncomingMessage extends Readable {
  readonly method?: string | undefined
  /** Written to where a token is taken out of it. */
  url?: string | undefined
  /** `1.0`, `1.1` or `2.0` */
  readonly httpVersion: string
  readonly headers: IncomingHttpHeaders
  readonly headersDistinct: NodeJS.Dict<string[]>
  /** name, value, … */
  readonly rawHeaders: string[]
  /** Whether all of it has been received. */
  readonly complete: boolean
  /** Of an HTTP/2 request, the connection that it shares with others: to be looked at, never to be ended for its sake. */
  readonly socket: Socket
}

/** An answer. It closes once, when it has left whole or was cut, or when its client has gone. */
export interface ServerResponse extends EventEmitter {
  readonly req: IncomingMessage
  readonly statusCode: number
  readonly headersSent: boolean
  readonly destroyed: boolean
  readonly writableEnded: boolean
  /** Everything has been handed to the system. */
  readonly writableFinished: boolean
  /** Bytes that wait here. */
  readonly writableLength: number
  /** Null where bytes cannot go out now: the answer is over, or it is not its turn on the connection. */
  readonly socket: Socket | null
  /** @param pairs name, value, … */
  writeHead(status: number, pairs?: string[]): this
  writeHead(status: number, reason: string, pairs?: string[]): this
  flushHeaders(): void
  /** False when enough waits: `drain` tells when there is room again. */
  write(bytes: Buffer): boolean
  end(bytes?: Buffer | string): this
  /** Ends it visibly unfinished. */
  destroy(): this
  /** When nothing of what waits has left for this long the answer is cut off; 0: no more. */
  readonly setTimeout: (ms: number) => unknown
  writeContinue(): void
  /** @param pairs name, value, … */
  writeInformation(status: number, pairs: string[]): unknown
}

/** Content or fields of one HTTP/2 stream are nobody else's, while HTTP/1.1 has one message behind the other. */
export function isHttp2({ httpVersion }: IncomingMessage): boolean {
  return httpVersion === '2.0'
}

/** HTTP/1.0 knows no chunks, no interim answers, and no Host. */
export function isHttp10({ httpVersion }: IncomingMessage): boolean {
  return httpVersion === '1.0'
}
