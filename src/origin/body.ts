/**
 * An origin's body out of a node stream, chunk by chunk, as the stream produced them.
 *
 * Invariant: the stream is paused while one chunk waits and nobody asks; how a body ends is {@link ReceivedBody}'s.
 */
import type { Readable } from 'node:stream'
import { type BodyOptions, ReceivedBody } from './received-body.ts'

export class StreamBody extends ReceivedBody {
  /** Takes the stream over: from here on nobody else may read or destroy it. */
  constructor(stream: Readable, options: BodyOptions) {
    // Before the listener, which would otherwise start the flow with nobody there to take it.
    stream.pause()
    const flow = {
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      destroy: () => void stream.destroy(),
    }
    // What nobody waits for had better stay in the stream's own buffer.
    super({ ...flow, maxQueuedBytes: 0, startsPaused: true }, options)
    stream.on('data', (chunk: Buffer) => this.push(chunk))
    stream.once('end', () => this.end())
    // Stays for good: an error after the end of a body is nobody's concern, and must not end the process.
    stream.on('error', (error: Error) => this.break(error))
    stream.once('close', () => this.break())
    if (stream.destroyed) this.break(stream.errored ?? undefined)
  }
}
