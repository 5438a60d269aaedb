/**
 * An S3-speaking origin of objects of any length, with ranges, If-Match and resets. Their names say how they behave:
 * `SEED-BYTES-DELAYMS-BYTESPERSECOND-RESETPERCENT.mp4`; so many of all answers are reset half way through their body.
 *
 * Run as a process of its own. Says `{ port }` to its parent when it listens, and answers any message with its counts.
 * Ends with its parent.
 */

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { lazyBytes } from './lazy-content.ts'

export interface LazyOriginCounts {
  readonly requests: number
  /** Bytes of all bodies as they were asked for. */
  readonly bytesAsked: number
  /** Bytes of bodies that were handed to connections. */
  readonly bytesSent: number
  readonly resets: number
  readonly activeAnswers: number
}

const TICK_MS = 1
const PIECE_BYTES = 256 * 1024
const counts = { requests: 0, bytesAsked: 0, bytesSent: 0, resets: 0, activeAnswers: 0 }

const server = createServer(async (req, res) => {
  counts.requests += 1
  const nth = counts.requests
  const [seed, length, delayMs, bytesPerSecond, resetPercent] =
    (req.url ?? '').match(/\d+/g)?.slice(-6, -1).map(Number) ?? []
  if (seed === undefined || length === undefined) {
    res.writeHead(404, { 'Content-Length': 0 }).end()
    return
  }
  counts.activeAnswers += 1
  res.once('close', () => {
    counts.activeAnswers -= 1
  })
  const etag = `"${seed}-${length}"`
  const [, from = '', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '') ?? []
  const start = Number(from)
  const end = to === '' ? length : Math.min(Number(to) + 1, length)
  if (delayMs) await pause(delayMs)
  if (req.headers['if-match'] !== undefined && req.headers['if-match'] !== etag) {
    res.writeHead(412, { 'Content-Length': 0 }).end()
    return
  }
  counts.bytesAsked += end - start
  res.writeHead(from === '' ? 200 : 206, {
    'Content-Type': 'video/mp4',
    'Content-Length': end - start,
    ETag: etag,
    ...(from !== '' && { 'Content-Range': `bytes ${start}-${end - 1}/${length}` }),
  })
  // Spread evenly and the same in every run.
  const isReset = (nth * 37) % 100 < (resetPercent ?? 0)
  const until = isReset ? start + Math.floor((end - start) / 2) : end
  await send(res, seed, start, until, bytesPerSecond ?? 0)
  if (!isReset) res.end()
  else if (!res.destroyed) {
    counts.resets += 1
    // Bytes on their way would be thrown away by a reset.
    await pause(50)
    res.socket?.resetAndDestroy()
  }
})

async function send(
  res: ServerResponse,
  seed: number,
  start: number,
  end: number,
  bytesPerSecond: number,
): Promise<void> {
  const startedMs = performance.now()
  let position = start
  while (position < end && !res.destroyed) {
    const due =
      bytesPerSecond === 0 ? end : start + Math.ceil(((performance.now() - startedMs) / 1000) * bytesPerSecond)
    while (position < Math.min(end, due) && !res.destroyed) {
      const until = Math.min(end, due, position + PIECE_BYTES)
      counts.bytesSent += until - position
      const isTaken = res.write(lazyBytes(seed, position, until))
      position = until
      if (!isTaken) await drained(res)
    }
    // Never without a pause: sending what falls due while this turns would keep a core busy that others are measured on.
    if (position < end) await pause(TICK_MS)
  }
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      res.off('drain', done).off('close', done)
      resolve()
    }
    res.once('drain', done).once('close', done)
  })
}

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('message', () => {
  process.send?.({ ...counts } satisfies LazyOriginCounts)
})
process.on('disconnect', () => process.exit())
