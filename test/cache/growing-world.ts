/**
 * A growing body in a store, in blocks so small that a test sees where they end.
 *
 * When the test is over nothing may be left: no byte in flight, none held, no reader.
 */

import { expect, onTestFinished } from 'vitest'
import type { GrowingBodyOptions, PassingReason } from '../../src/cache/growing-body.ts'
import { GrowingBody } from '../../src/cache/growing-body.ts'
import { Store } from '../../src/cache/store.ts'
import { settled } from '../support/scripted-origin.ts'
import { expectWithinBudget } from './world.ts'

/** What the stored answer costs beside its bytes. */
export const OVERHEAD = 10
export const BLOCK = 4

export interface GrowingWorldOptions extends Pick<Partial<GrowingBodyOptions>, 'maxBytes' | 'windowBytes'> {
  /** Of the store. @default 1000 */
  readonly memory?: number
}

export interface GrowingWorld {
  readonly store: Store
  readonly body: GrowingBody
  /** What was told of its turning to passing. */
  readonly reasons: readonly PassingReason[]
}

export function makeGrowing({
  memory = 1000,
  maxBytes = 100,
  windowBytes = 12,
}: GrowingWorldOptions = {}): GrowingWorld {
  const store = new Store(memory)
  const reasons: PassingReason[] = []
  const body = new GrowingBody({
    room: store,
    overheadBytes: OVERHEAD,
    maxBytes,
    windowBytes,
    blockBytes: BLOCK,
    onPassing: (reason) => reasons.push(reason),
  })
  onTestFinished(async () => {
    await settled()
    expectWithinBudget({ store })
    const { inFlightBytes, heldBytes } = store.usage()
    expect({ inFlightBytes, heldBytes, readers: body.readers }).toEqual({ inFlightBytes: 0, heldBytes: 0, readers: 0 })
  })
  return { store, body, reasons }
}

/** Whether a promise is still pending when all that can happen has happened. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isOver = false
  promise.then(
    () => {
      isOver = true
    },
    () => {
      isOver = true
    },
  )
  await settled()
  await settled()
  return !isOver
}
