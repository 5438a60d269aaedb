/**
 * Turns: several logs of one process that write to the same place, one after the other.
 *
 * The kernel takes what fits and lets the next writer in, so that two who write at once tear each other's lines where
 * the reader is slow.
 *
 * | state         | who may write                                         |
 * |---------------|-------------------------------------------------------|
 * | `free`        | the first who comes                                   |
 * | `writing`     | nobody, until that write has come back                |
 * | `withinLine`  | whoever goes on where the last write stopped          |
 *
 * Invariant: between two bytes of a line no byte of another one goes out.
 */

/** Writes these bytes or the first of them, and says how many. */
export type Write = (bytes: Buffer, done: (error: NodeJS.ErrnoException | null, writtenBytes: number) => void) => void

type State =
  | { readonly kind: 'free' }
  | { readonly kind: 'writing' }
  | { readonly kind: 'withinLine'; readonly memory: ArrayBufferLike; readonly offset: number }

const FREE: State = { kind: 'free' }
const WRITING: State = { kind: 'writing' }
const NEWLINE = 10

/**
 * @param write what all of them share
 * @returns the same, to be called by many. Who was told that only a part was written, or that there is no room
 * (`EAGAIN`), goes on with the rest of the same memory; any other error ends its line where it is
 */
export function inTurns(write: Write): Write {
  const waiting: (() => void)[] = []
  let state: State = FREE

  const take: Write = (bytes, done) => {
    if (!isTurnOf(bytes, state)) {
      waiting.push(() => take(bytes, done))
      return
    }
    const before = state
    state = WRITING
    write(bytes, (error, writtenBytes) => {
      state = stateAfter(bytes, error, writtenBytes, before)
      // Those who wait come first: the one who has written may have more at once, and more after that.
      if (state.kind === 'free') waiting.shift()?.()
      done(error, writtenBytes)
    })
  }
  return take
}

function isTurnOf(bytes: Buffer, state: State): boolean {
  switch (state.kind) {
    case 'free':
      return true
    case 'writing':
      return false
    case 'withinLine':
      return bytes.buffer === state.memory && bytes.byteOffset === state.offset
    default:
      return state satisfies never
  }
}

function stateAfter(bytes: Buffer, error: NodeJS.ErrnoException | null, writtenBytes: number, before: State): State {
  if (error?.code === 'EAGAIN') return before
  if (error !== null || bytes[writtenBytes - 1] === NEWLINE || writtenBytes >= bytes.length) return FREE
  if (writtenBytes === 0) return before
  return { kind: 'withinLine', memory: bytes.buffer, offset: bytes.byteOffset + writtenBytes }
}
