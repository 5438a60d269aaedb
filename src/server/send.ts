/**
 * Send: the bytes of a planned answer, at the client's pace.
 *
 * Nothing goes out before the first bytes are there, so a body that fails at once still becomes a proper error.
 * After that a failure destroys the connection: the client sees an answer that was cut, never a short whole one.
 */

import type { Body, BodyReader } from '../cache/body.ts'
import type { OriginError } from '../errors.ts'
import { asOriginError } from '../errors.ts'
import type { Origin } from '../origin/origin.ts'
import type { ServerResponse } from './messages.ts'
import { isHttp10 } from './messages.ts'
import type { Pace } from './pace.ts'
import { firstPiece } from './pieces.ts'
import type { Part } from './plan.ts'
import { resetConnection } from './reset-connection.ts'

export interface Sending {
  readonly res: ServerResponse
  readonly body: Body
  readonly parts: readonly Part[]
  /** Asked for what the body has not in memory. */
  readonly origin?: Origin | undefined
  /** Absent: as fast as the client takes it. */
  readonly pace?: Pace | undefined
  /** A client that takes no byte for this long while some wait is cut off: it may hold an origin's connection. */
  readonly clientStallMs: number
  /** Writes the status line and fields; called once, before the first byte. */
  readonly writeHead: () => void
  /** Told how many body bytes were handed to the connection, each time. */
  readonly onBytes: (bytes: number) => void
  /** The body failed. `isBegun` tells whether the client has seen a part of the answer, which is then cut off here. */
  readonly onFailure: (error: OriginError, isBegun: boolean) => void
}

export function sendParts(sending: Sending): void {
  new Sender(sending).start()
}

class Sender {
  readonly #sending: Sending
  #reader: BodyReader | undefined
  /** Has been read, and waits for room on the connection. */
  #rest: Buffer | undefined
  #partIndex = 0
  #isBegun = false
  #isClosed = false
  #isWoken = false

  constructor(sending: Sending) {
    this.#sending = sending
  }

  start(): void {
    this.#sending.res.once('close', () => {
      this.#isClosed = true
      this.#reader?.close()
      this.#sending.pace?.cancel()
    })
    this.#wake()
  }

  /**
   * Called by the body. What comes in the same turn of the event loop goes out in one write, where the body keeps it; one
   * that does not is read when it says so.
   */
  readonly #wake = (): void => {
    if (this.#sending.body.kind !== 'buffered') {
      this.#pump()
      return
    }
    if (this.#isWoken) return
    this.#isWoken = true
    setImmediate(this.#onWoken)
  }

  readonly #onWoken = (): void => {
    this.#isWoken = false
    this.#pump()
  }

  /** What wakes it must not pay for its faults: a body has other readers. */
  readonly #pump = (): void => {
    try {
      this.#advance()
    } catch (error) {
      this.#isClosed = true
      this.#reader?.close()
      this.#sending.res.destroy()
      this.#sending.onFailure(asOriginError(error), true)
    }
  }

  #advance(): void {
    while (!this.#isClosed) {
      if (this.#rest !== undefined) {
        if (!this.#write(this.#rest)) return
        continue
      }
      const part = this.#sending.parts[this.#partIndex]
      if (part === undefined) {
        this.#begin()
        this.#sending.res.end()
        if (this.#sending.res.writableLength > 0) this.#sending.res.setTimeout(this.#sending.clientStallMs)
        return
      }
      if (Buffer.isBuffer(part)) {
        this.#partIndex += 1
        if (!this.#write(part)) return
        continue
      }
      this.#reader ??= this.#open(part)
      // Bytes of what has failed meanwhile are no beginning.
      const hasFailed = !this.#isBegun && this.#reader.error !== undefined
      const result = hasFailed ? 'failed' : this.#reader.read()
      if (result === 'wait') return
      if (result === 'failed') {
        this.#fail(this.#reader)
        return
      }
      if (result === 'end') {
        this.#reader = undefined
        this.#partIndex += 1
      } else if (!this.#write(result)) return
    }
  }

  readonly #onDrain = (): void => {
    this.#sending.res.setTimeout(0)
    this.#pump()
  }

  #open(part: Exclude<Part, Buffer>): BodyReader {
    const { body, origin } = this.#sending
    const [start, end] = part === 'whole' ? [0, undefined] : [part.start, part.end]
    return body.open(start, end, this.#wake, origin)
  }

  #begin(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    this.#sending.writeHead()
  }

  /** False when the connection is full, or it is too soon: the pump goes on by itself. */
  #write(bytes: Buffer): boolean {
    this.#begin()
    const { res, clientStallMs, onBytes, pace } = this.#sending
    const piece = allowedPiece(firstPiece(res, bytes), pace)
    this.#rest = piece.length === bytes.length ? undefined : bytes.subarray(piece.length)
    if (pace !== undefined && piece.length === 0) {
      pace.whenMore(this.#pump)
      return false
    }
    onBytes(piece.length)
    if (res.write(piece)) return true
    // Node counts any progress of the bytes it has handed to the kernel, not only the end of them.
    res.setTimeout(clientStallMs)
    res.once('drain', this.#onDrain)
    return false
  }

  #fail(reader: BodyReader): void {
    const { res, onFailure } = this.#sending
    const { error } = reader
    this.#isClosed = true
    reader.close()
    if (this.#isBegun) cutOff(res)
    if (error !== undefined) onFailure(error, this.#isBegun)
  }
}

function allowedPiece(bytes: Buffer, pace: Pace | undefined): Buffer {
  const allowed = pace === undefined ? bytes.length : pace.take(bytes.length)
  return allowed === bytes.length ? bytes : bytes.subarray(0, allowed)
}

/** HTTP/1.0 knows no chunks: without a length only a reset tells the client that the end is not the end. */
export function cutOff(res: ServerResponse): void {
  if (isHttp10(res.req) && res.socket !== null) resetConnection(res.socket)
  res.destroy()
}
