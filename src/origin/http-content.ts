/**
 * The content of a request on its way to an HTTP origin: lent by whoever has it, handed on at the origin's pace.
 *
 * Invariant: the source is read, and never destroyed. When this stream is destroyed, because the origin has answered
 * before it had it all or is gone, the source is left paused where it stands, and what becomes of the rest is its
 * owner's affair.
 */
import { Readable } from 'node:stream'

export class LentContent extends Readable {
  readonly #source: Readable
  readonly #onData = (chunk: Buffer) => {
    if (!this.push(chunk)) this.#source.pause()
  }
  readonly #onEnd = () => void this.push(null)
  readonly #onError = (error: Error) => void this.destroy(error)
  readonly #onClose = () => {
    if (!this.#source.readableEnded) this.destroy(new Error('the content broke off'))
  }
  #isReading = false

  constructor(source: Readable) {
    super()
    this.#source = source
    source.on('error', this.#onError)
    source.on('close', this.#onClose)
    if (source.errored !== null) this.destroy(source.errored)
    else if (source.destroyed) this.#onClose()
  }

  /** Whether everything that came has gone on, and more is to come from whoever sends the request. */
  get awaitsSender(): boolean {
    const { readableEnded, errored } = this.#source
    return (
      this.#isReading && this.readableLength === 0 && !readableEnded && errored === null && !this.#source.isPaused()
    )
  }

  override _read(): void {
    if (!this.#isReading) {
      this.#isReading = true
      this.#source.on('data', this.#onData)
      this.#source.on('end', this.#onEnd)
    }
    this.#source.resume()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const source = this.#source
    source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    // Its owner may have no use for an error of what was only lent; one that comes later must not end the process.
    if (!source.destroyed) source.off('error', this.#onError).on('error', ignore)
    if (this.#isReading && !source.readableEnded) source.pause()
    callback(error)
  }
}

function ignore(): void {
  // Said to whoever reads the content by then.
}
