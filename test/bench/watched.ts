/**
 * Loaded into the shield's process before the shield (`--import`): answers any message with what the event loop and the
 * memory have been through since the last one.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Watched {
  /** How late the event loop came round, in milliseconds. */
  readonly loopP50Ms: number
  readonly loopP99Ms: number
  readonly loopMaxMs: number
  /** In bytes, at the moment of the question. */
  readonly heapBytes: number
  /** Outside of the heap: Buffers, alive or not collected yet. */
  readonly bufferBytes: number
}

/** It cannot tell delays below this. */
const RESOLUTION_MS = 1

const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
loop.enable()
process.on('message', () => {
  const { heapUsed, external } = process.memoryUsage()
  process.send?.({
    loopP50Ms: loop.percentile(50) / 1e6,
    loopP99Ms: loop.percentile(99) / 1e6,
    loopMaxMs: loop.max / 1e6,
    heapBytes: heapUsed,
    bufferBytes: external,
  } satisfies Watched)
  loop.reset()
})
// It is the shield that says how long its process lives.
process.channel?.unref()
