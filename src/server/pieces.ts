/**
 * Pieces: how the bytes of an answer are handed to its connection.
 *
 * A plain connection takes a Buffer of any size as it is. An encrypted one copies and encrypts at once whatever it is
 * given, so large Buffers go there piece by piece, each when there is room: what waits for a slow client is the one
 * Buffer that all clients share, and several answers on an HTTP/2 connection advance side by side.
 */

import { TLSSocket } from 'node:tls'
import type { ServerResponse } from './messages.ts'

/** Several TLS records and HTTP/2 frames, of 16 KiB each; measured as cheap as larger ones. */
const PIECE_BYTES = 64 * 1024

/** What of these bytes is to be written first; all of them, mostly. */
export function firstPiece(res: ServerResponse, bytes: Buffer): Buffer {
  if (bytes.length <= PIECE_BYTES || !(res.req.socket instanceof TLSSocket)) return bytes
  return bytes.subarray(0, PIECE_BYTES)
}

/**
 * Ends an answer with these bytes, in one go where that is best.
 *
 * @param clientStallMs a client that takes nothing of what waits for this long is cut off
 */
export function endWith(res: ServerResponse, bytes: Buffer, clientStallMs: number): void {
  const piece = firstPiece(res, bytes)
  if (piece === bytes) {
    res.end(bytes)
    if (res.writableLength > 0) res.setTimeout(clientStallMs)
  } else writePieces(res, bytes, clientStallMs)
}

function writePieces(res: ServerResponse, bytes: Buffer, clientStallMs: number): void {
  let rest = bytes
  for (let piece = firstPiece(res, rest); piece.length < rest.length; piece = firstPiece(res, rest)) {
    rest = rest.subarray(piece.length)
    if (res.write(piece)) continue
    if (res.destroyed) return
    res.setTimeout(clientStallMs)
    res.once('drain', () => {
      res.setTimeout(0)
      endWith(res, rest, clientStallMs)
    })
    return
  }
  endWith(res, rest, clientStallMs)
}
