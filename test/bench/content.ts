/** Bytes anyone can make again from a name, so that every process checks what it receives without being sent it. */

/** `length` bytes that depend on `seed` in every position (xorshift32); never equal for two seeds. */
export function contentFor(seed: number, length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = (seed * 2654435761 + 1) >>> 0 || 1
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    words[index] = state
  }
  return Buffer.from(words.buffer, 0, length)
}
