/**
 * V8's garbage collector, told what this program's memory is like: little that is JavaScript, and much in Buffers.
 *
 * By itself V8 starts a full collection for every few dozen megabytes of Buffers that were made since the last one,
 * however many there are in all. While misses stream in at full speed that is several a second, none of which finds much.
 * Counted against all the memory there is, as the heap itself is, they come when Buffers have grown by a share of it.
 */

import { setFlagsFromString } from 'node:v8'

/** How far Buffers may grow between two collections, beside what there is: what it costs in memory at most. */
const GROWING_FACTOR = 1.02

/** For a process that is this program's own; it changes all of it. V8 passes over flags it does not know. */
export function tuneCollector(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
  setFlagsFromString(`--external-memory-max-growing-factor=${GROWING_FACTOR}`)
}
