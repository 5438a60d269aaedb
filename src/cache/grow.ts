/**
 * Grow: brings an origin's bytes into a growing body, as fast as it takes them.
 *
 * However it ends, the origin's body has been read to its end or destroyed, and the growing body is over.
 */

import { asOriginError, OriginError } from '../errors.ts'
import type { OriginBody } from '../origin/origin.ts'
import type { GrowingBody, Grown } from './growing-body.ts'

/**
 * Takes the source over.
 *
 * @returns what is to be stored, or why nothing is: then the readers go on by themselves
 * @throws {OriginError} what the body failed with; `aborted` when the signal fires first
 */
export async function growFrom(source: OriginBody, body: GrowingBody, signal: AbortSignal): Promise<Grown> {
  const stop = () => {
    body.fail(new OriginError('aborted', 'the fetch was given up'))
    source.destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  // It may be waiting for the origin's next byte, which can be long in coming.
  body.whenAbandoned(() => source.destroy())
  try {
    for await (const chunk of source) {
      body.append(chunk)
      await body.ready()
    }
    return body.complete()
  } catch (error) {
    // Changes nothing where the body was over before, given up or abandoned, and the source broke only by that.
    body.fail(asOriginError(error))
  } finally {
    signal.removeEventListener('abort', stop)
  }
  source.destroy()
  const { state } = body
  if (state.kind === 'abandoned') return { kind: 'passed', reason: state.reason }
  throw body.failure ?? new Error(`the body was ${state.kind} before its source ended`)
}
