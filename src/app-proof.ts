/**
 * Proof: new keys of a bucket are tried before they take the place of those that work.
 *
 * An object that the old keys could read is asked for with the new ones, one byte of it; where none is known, one that
 * does not exist. A HEAD would do, but that its refusal has no body, and only the body's code tells a key that is not
 * known there from an object that is not there.
 */
import type { OriginError } from './errors.ts'
import { asOriginError } from './errors.ts'
import type { Origin } from './origin/origin.ts'

/** Nobody has an object of this name, and who has one reads a byte of it. */
const UNKNOWN_OBJECT = '.segment-shield/are-these-keys-good'

const FORBIDDEN = 403

/** The origin does not take them, or could not be asked. */
export interface KeysFault {
  readonly kind: 'refused' | 'untried'
  readonly message: string
}

/**
 * Undefined where the origin takes the keys, else why they were not shown to be good.
 *
 * @param knownObject the name of an object that was read before
 */
export async function proveKeys(
  origin: Origin,
  knownObject: string | undefined,
  signal: AbortSignal,
): Promise<KeysFault | undefined> {
  try {
    const key = knownObject ?? UNKNOWN_OBJECT
    const { status, body } = await origin.fetch({ key, range: { first: 0, last: 0 }, priority: 'playlist', signal })
    body?.destroy()
    const isForbidden = status === FORBIDDEN && knownObject !== undefined
    return isForbidden ? { kind: 'refused', message: 'the new keys may not read what the old ones could' } : undefined
  } catch (error) {
    return faultOf(asOriginError(error))
  }
}

function faultOf({ kind, message }: OriginError): KeysFault {
  return kind === 'misconfigured'
    ? { kind: 'refused', message: `the new keys are refused (${message})` }
    : { kind: 'untried', message: `the new keys could not be tried (${message})` }
}
