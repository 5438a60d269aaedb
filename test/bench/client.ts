/** A load client on bare sockets: one GET a connection, every byte compared, times taken. */

import { connect } from 'node:net'

export interface Fetched {
  readonly status: number
  readonly isWhole: boolean
  readonly firstByteMs: number
  readonly totalMs: number
}

/** Reads at full speed. `expected` is what the body has to be, byte for byte. */
export function get(port: number, path: string, expected: Buffer): Promise<Fetched> {
  return new Promise((resolve) => {
    const startedMs = performance.now()
    const check = new AnswerCheck(expected)
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('connect', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n`))
    socket.on('data', (chunk: Buffer) => check.take(chunk))
    socket.on('error', () => undefined) // `close` follows, and the check tells what is missing
    socket.on('close', () => resolve(check.result(startedMs)))
  })
}

/** Many readers, each at `bytesPerSecond` and no faster. */
export class SlowReaders {
  readonly #readers: { read(): void; done: boolean }[] = []
  readonly #bytesPerTick: number
  readonly #timer: NodeJS.Timeout

  constructor(bytesPerSecond: number) {
    const ticksPerSecond = 20
    this.#bytesPerTick = Math.ceil(bytesPerSecond / ticksPerSecond)
    this.#timer = setInterval(() => this.#tick(), 1000 / ticksPerSecond)
  }

  get reading(): number {
    return this.#readers.filter((reader) => !reader.done).length
  }

  get(port: number, path: string, expected: Buffer): Promise<Fetched> {
    return new Promise((resolve) => {
      const startedMs = performance.now()
      const check = new AnswerCheck(expected)
      const socket = connect({ port, host: '127.0.0.1' })
      const reader = {
        done: false,
        read: () => {
          const chunk: Buffer | null = socket.read(Math.min(this.#bytesPerTick, socket.readableLength)) ?? null
          if (chunk !== null) check.take(chunk)
        },
      }
      this.#readers.push(reader)
      socket.on('connect', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n`))
      socket.on('readable', () => undefined) // paused mode: bytes leave only by read()
      socket.on('error', () => undefined) // `close` follows, and the check tells what is missing
      socket.on('close', () => {
        reader.done = true
        resolve(check.result(startedMs))
      })
    })
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    for (const reader of this.#readers) if (!reader.done) reader.read()
  }
}

class AnswerCheck {
  readonly #expected: Buffer
  #head = Buffer.alloc(0)
  #isInBody = false
  #received = 0
  #isSame = true
  #firstByteAt = 0

  constructor(expected: Buffer) {
    this.#expected = expected
  }

  take(chunk: Buffer): void {
    let bytes = chunk
    if (!this.#isInBody) {
      this.#head = Buffer.concat([this.#head, chunk])
      const end = this.#head.indexOf('\r\n\r\n')
      if (end === -1) return
      this.#isInBody = true
      bytes = this.#head.subarray(end + 4)
    }
    if (bytes.length === 0) return
    if (this.#firstByteAt === 0) this.#firstByteAt = performance.now()
    const wanted = this.#expected.subarray(this.#received, this.#received + bytes.length)
    if (!wanted.equals(bytes)) this.#isSame = false
    this.#received += bytes.length
  }

  result(startedMs: number): Fetched {
    return {
      status: Number(this.#head.toString('latin1', 9, 12)),
      isWhole: this.#isSame && this.#received === this.#expected.length,
      firstByteMs: this.#firstByteAt - startedMs,
      totalMs: performance.now() - startedMs,
    }
  }
}
