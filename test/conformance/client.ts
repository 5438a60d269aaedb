/**
 * The client of a case: one connection a request, and everything that comes back on it.
 */
import { type Answer, joined } from '../support/http-client.ts'
import { openRaw, parseAnswers } from '../support/raw-client.ts'

export interface WrittenRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  /** Host and Connection are added where they are not given. */
  readonly fields: readonly (readonly [string, string])[]
  readonly content?: string
}

/** What came back: the final answer is absent when the connection ended, or time ran out, before it. */
export interface Reply {
  readonly interim: readonly Answer[]
  readonly final: Answer | undefined
  /** Why there is none, or why it cannot be read. */
  readonly fault?: string
}

/** Real time: nothing that is alive takes so long. */
const LIMIT_MS = 10_000

/** Writes the request and reads until the other side closes; `sent` is called when the request is on its way. */
export async function ask(port: number, request: WrittenRequest, sent: () => void = () => undefined): Promise<Reply> {
  const connection = await openRaw(port)
  connection.write(bytesOf(port, request))
  sent()
  const limit = setTimeout(() => connection.leave(), LIMIT_MS)
  const received = withoutTrailers(await connection.closed)
  clearTimeout(limit)
  try {
    // An answer to HEAD has no body, and there is one request on this connection.
    const answers = parseAnswers(received, Array<string>(32).fill(request.method))
    const final = answers.find(({ status }) => status >= 200)
    const interim = answers.filter(({ status }) => status < 200)
    return final === undefined ? { interim, final, fault: 'no final answer came' } : { interim, final }
  } catch (error) {
    return { interim: [], final: undefined, fault: error instanceof Error ? error.message : String(error) }
  }
}

/** Fields after the last chunk are allowed, and of no interest here. */
function withoutTrailers(received: Buffer): Buffer {
  return Buffer.from(received.toString('latin1').replace(/\r\n0\r\n(?:[^\r\n]+\r\n)+\r\n$/, '\r\n0\r\n\r\n'), 'latin1')
}

function bytesOf(port: number, { method, target, version, fields, content }: WrittenRequest): string {
  const given = joined(fields.map(([name, value]): [string, string] => [name, value]))
  const lines = [
    ...(given['host'] === undefined ? [['Host', `127.0.0.1:${port}`] as const] : []),
    ...fields,
    ...(given['connection'] === undefined ? [['Connection', 'close'] as const] : []),
    ...(content === undefined ? [] : [['Content-Length', String(content.length)] as const]),
  ]
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `${method} ${target} HTTP/${version}\r\n${head}\r\n${content ?? ''}`
}
