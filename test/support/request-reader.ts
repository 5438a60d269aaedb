/** Requests out of the bytes of one connection: heads kept as they came, contents with their transfer coding undone. */
import type { HttpRequest } from './http-socket-server.ts'

type State =
  | { readonly is: 'head' }
  | { readonly is: 'length'; readonly content: Content; missing: number }
  | { readonly is: 'chunk-size' | 'chunk-end' | 'trailers'; readonly content: Content }
  | { readonly is: 'chunk'; readonly content: Content; missing: number }

export class RequestReader {
  readonly #connection: number
  readonly #onRequest: (request: HttpRequest) => void
  #bytes: Buffer = Buffer.alloc(0)
  #state: State = { is: 'head' }

  /** `onRequest` is called when a head has come; its content follows. */
  constructor(connection: number, onRequest: (request: HttpRequest) => void) {
    this.#connection = connection
    this.#onRequest = onRequest
  }

  push(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    while (this.#step());
  }

  /** The connection is gone. */
  end(): void {
    if (this.#state.is !== 'head') this.#state.content.fail()
  }

  /** @returns whether there may be more to do with the bytes there are */
  #step(): boolean {
    const state = this.#state
    switch (state.is) {
      case 'head':
        return this.#readHead()
      case 'length':
      case 'chunk': {
        const part = this.#bytes.subarray(0, state.missing)
        this.#bytes = this.#bytes.subarray(part.length)
        state.missing -= part.length
        state.content.add(part)
        if (state.missing > 0) return false
        if (state.is === 'chunk') this.#state = { is: 'chunk-end', content: state.content }
        else this.#finish(state.content)
        return true
      }
      case 'chunk-size': {
        const line = this.#line()
        if (line === undefined) return false
        const missing = Number.parseInt(line, 16)
        this.#state = missing === 0 ? { ...state, is: 'trailers' } : { ...state, is: 'chunk', missing }
        return true
      }
      case 'chunk-end':
        if (this.#line() === undefined) return false
        this.#state = { ...state, is: 'chunk-size' }
        return true
      case 'trailers': {
        const line = this.#line()
        if (line === '') this.#finish(state.content)
        return line !== undefined
      }
      default:
        return state satisfies never
    }
  }

  #readHead(): boolean {
    const end = this.#bytes.indexOf('\r\n\r\n')
    if (end < 0) return false
    const [requestLine = '', ...lines] = this.#bytes.toString('latin1', 0, end).split('\r\n')
    this.#bytes = this.#bytes.subarray(end + 4)
    const [method = '', target = ''] = requestLine.split(' ')
    const rawFields = lines.flatMap((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
    const fields: Record<string, string> = {}
    for (let index = 0; index < rawFields.length; index += 2) {
      const name = rawFields[index]?.toLowerCase() ?? ''
      const value = rawFields[index + 1] ?? ''
      fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`
    }
    const content = new Content()
    const missing = Number(fields['content-length'] ?? 0)
    if (fields['transfer-encoding'] !== undefined) this.#state = { is: 'chunk-size', content }
    else if (missing > 0) this.#state = { is: 'length', content, missing }
    else content.finish()
    this.#onRequest({
      method,
      target,
      rawFields,
      fields,
      connection: this.#connection,
      received: content.pieces,
      content: content.whole,
      contentAtLeast: (byteCount) => content.atLeast(byteCount),
    })
    return true
  }

  #finish(content: Content): void {
    this.#state = { is: 'head' }
    content.finish()
  }

  /** The next line without its end; undefined while it is not all there. */
  #line(): string | undefined {
    const end = this.#bytes.indexOf('\r\n')
    if (end < 0) return undefined
    const line = this.#bytes.toString('latin1', 0, end)
    this.#bytes = this.#bytes.subarray(end + 2)
    return line
  }
}

class Content {
  readonly pieces: Buffer[] = []
  readonly whole: Promise<Buffer>
  readonly #finished = Promise.withResolvers<Buffer>()
  readonly #waiting = new Set<() => void>()
  #byteCount = 0

  constructor() {
    this.whole = this.#finished.promise
    // Most tests look at a content only when all of it is expected.
    this.whole.catch(() => undefined)
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return
    this.pieces.push(piece)
    this.#byteCount += piece.length
    for (const check of [...this.#waiting]) check()
  }

  finish(): void {
    this.#finished.resolve(Buffer.concat(this.pieces))
  }

  fail(): void {
    this.#finished.reject(new Error(`the connection ended after ${this.#byteCount} bytes of the content`))
  }

  atLeast(byteCount: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#byteCount < byteCount) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }
}
