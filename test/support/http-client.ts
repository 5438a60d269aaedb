/**
 * HTTP clients that hide nothing: one connection a request, fields as they came, bytes as they came, and whether the
 * answer was whole or cut. No redirects, no decoding, no reuse, no retries.
 */
import { once } from 'node:events'
import { type IncomingMessage, request as startHttpRequest } from 'node:http'
import { request as startHttpsRequest } from 'node:https'
import type { Readable } from 'node:stream'

export interface RequestOptions {
  /** @default 'GET' */
  readonly method?: string
  /** The request target, written to the request line as it is. */
  readonly path: string
  /** `Host` and `Connection: close` are added where they are not given. A list writes the field several times. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer
  /** Over TLS, whatever the certificate. @default false */
  readonly isSecure?: boolean
}

export interface AnswerHead {
  readonly status: number
  readonly reason: string
  readonly httpVersion: string
  /** Lower-case names; a field that came several times is joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** As they stood in the answer: name, value. */
  readonly rawHeaders: readonly (readonly [string, string])[]
}

export interface Answer extends AnswerHead {
  readonly body: Buffer
  /** False when the connection ended before the message did. */
  readonly isWhole: boolean
}

/** An answer whose headers are there, while its body arrives. */
export interface OpenAnswer extends AnswerHead {
  /** What has arrived so far. */
  received(): Buffer
  /** Resolves when that many body bytes are there, or when no more will come. */
  receivedBytes(count: number): Promise<void>
  /** Stops reading from the connection, as a slow player would; `resume` goes on. */
  pause(): void
  resume(): void
  /** Ends the connection from this side. */
  leave(): void
  /** Resolves when the message or the connection has ended. */
  readonly ended: Promise<Answer>
}

/** A whole exchange. @throws when the connection ends before any headers came */
export async function request(port: number, options: RequestOptions): Promise<Answer> {
  return (await openRequest(port, options)).ended
}

/** Resolves with the headers. @throws when the connection ends before they came, or the signal fires */
export async function openRequest(port: number, options: RequestOptions, signal?: AbortSignal): Promise<OpenAnswer> {
  const { method = 'GET', path, body, isSecure = false } = options
  const message = (isSecure ? startHttpsRequest : startHttpRequest)({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: fieldsOf(options),
    agent: false,
    ...(isSecure && { rejectUnauthorized: false }),
    ...(signal && { signal }),
  })
  message.end(body)
  const [response] = (await once(message, 'response')) as [IncomingMessage]
  // Everything that goes wrong from here on shows as a message that is not complete.
  message.on('error', () => undefined)
  return follow(response)
}

function follow(response: IncomingMessage): OpenAnswer {
  const rawHeaders = pairsOf(response.rawHeaders)
  const head: AnswerHead = {
    status: response.statusCode ?? 0,
    reason: response.statusMessage ?? '',
    httpVersion: response.httpVersion,
    rawHeaders,
    headers: joined(rawHeaders),
  }
  return openAnswer(head, response, { isWhole: () => response.complete, leave: () => void response.destroy() })
}

/** @param isWhole asked when the stream has closed */
export function openAnswer(
  head: AnswerHead,
  stream: Readable,
  { isWhole, leave }: { readonly isWhole: () => boolean; readonly leave: () => void },
): OpenAnswer {
  const chunks: Buffer[] = []
  let byteCount = 0
  let isOver = false
  const waiters = new Set<() => void>()
  const changed = () => {
    for (const check of [...waiters]) check()
  }
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    byteCount += chunk.length
    changed()
  })
  // `close` tells what it was.
  stream.on('error', () => undefined)
  const ended = new Promise<Answer>((resolve) => {
    stream.once('close', () => {
      isOver = true
      changed()
      resolve({ ...head, body: Buffer.concat(chunks), isWhole: isWhole() })
    })
  })
  return {
    ...head,
    ended,
    received: () => Buffer.concat(chunks),
    receivedBytes: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (byteCount < count && !isOver) return
          waiters.delete(check)
          resolve()
        }
        waiters.add(check)
        check()
      }),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    leave,
  }
}

/** As Node's clients want them. */
export function fieldsOf({ headers = {} }: RequestOptions): Record<string, string | string[]> {
  const fields = Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]])
  return Object.fromEntries(fields)
}

/** Name, value, name, value … two by two. */
export function pairsOf(flat: readonly string[]): readonly (readonly [string, string])[] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ''] as const] : []))
}

/** Lower-case names; values of a field that came several times joined with `, `. */
export function joined(pairs: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`
  }
  return headers
}

/** A request that the server has in hand, whether or not it has begun to answer. */
export interface TakenRequest {
  /** The headers. @throws when the connection ends before they came */
  readonly answer: Promise<OpenAnswer>
  /** The whole exchange. @throws as `answer` does */
  whole(): Promise<Answer>
  /** Ends the connection from this side. */
  leave(): void
}

/**
 * Resolves when the server has taken the request in hand, which it tells by `100 Continue`: from then on it counts as
 * waiting for its answer, and a test may go on with what is to happen meanwhile.
 */
export async function takenRequest(port: number, options: RequestOptions): Promise<TakenRequest> {
  const { method = 'GET', path } = options
  const message = startHttpRequest({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { ...fieldsOf(options), Expect: '100-continue' },
    agent: false,
  })
  const answer = once(message, 'response').then(([response]) => follow(response as IncomingMessage))
  // Whoever awaits it hears of the failure; a test that leaves on purpose need not.
  answer.catch(() => undefined)
  // A reset before `continue` rejects below; any later one shows in the answer.
  const taken = once(message, 'continue')
  message.end()
  await taken
  message.on('error', () => undefined)
  return { answer, whole: async () => (await answer).ended, leave: () => void message.destroy() }
}
