/**
 * What a connection to an origin reads into: its own few buffers again and again, not a new one for every read.
 *
 * Invariant: bytes that the socket's stream still has are never written over. Whoever takes a chunk out of the stream
 * has it until the event loop turns to the next event, and copies what it needs for longer. node's own HTTP parser does;
 * undici's hands on views of what it was given, and keeps views of a head until the last of it is there.
 */
import type { OnReadOpts, Socket } from 'node:net'

/** Bytes. As much as node reads at once by itself. */
const PLAIN_BYTES = 64 * 1024
/** No record of TLS holds more (RFC 8446 §5.1), and it is handed out record by record. */
const TLS_BYTES = 16 * 1024

/**
 * Makes a socket that reads so.
 * @param connect makes it, with this option; it must not read before it has returned
 * @param isKept whether the reader still has views of what it took last; while it does, what comes is a copy
 */
export function readingIntoOwn<Connected extends Socket>(
  isTls: boolean,
  connect: (onread: OnReadOpts) => Connected,
  isKept: () => boolean = () => false,
): Connected {
  const allocate = (): Buffer => Buffer.allocUnsafeSlow(isTls ? TLS_BYTES : PLAIN_BYTES)
  let socket: Connected | undefined
  let current = allocate()
  /** The one before; nothing in it is in the stream or kept any more. */
  let spare: Buffer | undefined
  let isLent = false
  socket = connect({
    callback: (bytes, buffer) => {
      const chunk = buffer.subarray(0, bytes)
      // Bytes that wait behind others are copied too: a few of them would else hold a whole buffer.
      isLent = socket?.readableLength === 0 && !isKept()
      return socket?.push(isLent ? chunk : Buffer.from(chunk)) ?? false
    },
    // Asked for the first time when the socket is made, then after each read.
    buffer: () => {
      // What was copied, or taken at once, needs its place no longer.
      if (isLent && (socket?.readableLength !== 0 || isKept())) [current, spare] = [spare ?? allocate(), current]
      return current
    },
  })
  return socket
}
