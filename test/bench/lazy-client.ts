/** An origin of objects that nobody has in memory, and a client that compares every byte of them. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get as httpGet } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { lazyBytes } from './lazy-content.ts'
import type { LazyOriginCounts } from './lazy-origin.ts'

export interface LazyOrigin {
  readonly port: number
  counts(): Promise<LazyOriginCounts>
  close(): Promise<void>
}

export async function startLazyOrigin(): Promise<LazyOrigin> {
  const child = fork(new URL('./lazy-origin.ts', import.meta.url))
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return {
    port,
    counts: async () => {
      child.send('counts')
      const [counts] = await once(child, 'message')
      return counts as LazyOriginCounts
    },
    close: async () => {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

export interface ObjectName {
  readonly seed: number
  readonly length: number
  readonly delayMs?: number
  readonly bytesPerSecond?: number
  readonly resetPercent?: number
}

const pathOf = ({ seed, length, delayMs = 0, bytesPerSecond = 0, resetPercent = 0 }: ObjectName) =>
  `/${seed}-${length}-${delayMs}-${bytesPerSecond}-${resetPercent}.mp4`

export interface LazyFetch {
  readonly isWhole: boolean
  readonly totalMs: number
}

const agent = new Agent({ keepAlive: true, maxSockets: 1000 })

/** Reads the bytes from `start` up to `end` (all of them without a range), compares each, at most at the given pace. */
export async function fetchLazy(
  port: number,
  object: ObjectName,
  range?: { readonly start: number; readonly end: number },
  bytesPerSecond?: number,
): Promise<LazyFetch> {
  const startedMs = performance.now()
  const headers = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }
  const request = httpGet({ port, host: '127.0.0.1', path: pathOf(object), headers, agent })
  const { start, end } = range ?? { start: 0, end: object.length }
  let [position, isSame] = [start, true]
  try {
    const [response] = await once(request, 'response')
    isSame = response.statusCode === (range === undefined ? 200 : 206)
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (!lazyBytes(object.seed, position, position + chunk.length).equals(chunk)) isSame = false
      position += chunk.length
      if (bytesPerSecond === undefined) continue
      const aheadMs = ((position - start) / bytesPerSecond) * 1000 - (performance.now() - startedMs)
      if (aheadMs > 5) await pause(aheadMs)
    }
  } catch {
    // Cut off: what is missing tells.
  }
  return { isWhole: isSame && position === end, totalMs: performance.now() - startedMs }
}
