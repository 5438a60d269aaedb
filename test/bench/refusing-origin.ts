/**
 * An S3-speaking origin that answers 503 SlowDown to some requests; the others get the object `SEED-BYTES.ts`.
 *
 * Run as a process of its own, with its behaviour as JSON in the first argument. Says `{ port }` to its parent when it
 * listens, and answers any message with its counts. Ends with its parent.
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { contentFor } from './content.ts'

/** `share`: that part of all requests, at random, always in the same order. `perSecond`: what is over in any second. */
export type Refusals = { readonly share: number } | { readonly perSecond: number }

export interface RefusalCounts {
  readonly requests: number
  readonly refused: number
  /** In any second. */
  readonly mostPerSecond: number
}

const FIRST_BYTE_MS = 20
const SLOW_DOWN = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message></Message></Error>'

const refusals = JSON.parse(process.argv[2] ?? '') as Refusals
let requests = 0
let refused = 0
let mostPerSecond = 0
/** When the requests of the last second came. */
const recent: number[] = []
let random = 0x9e3779b9

const server = createServer(async (req, res) => {
  requests += 1
  const isRefused = isOver()
  await pause(FIRST_BYTE_MS)
  if (isRefused) {
    refused += 1
    res.writeHead(503, { 'Content-Type': 'application/xml', 'Content-Length': SLOW_DOWN.length }).end(SLOW_DOWN)
    return
  }
  const [seed = 0, length = 0] = (req.url ?? '').match(/\d+/g)?.slice(-2).map(Number) ?? []
  res.writeHead(200, { 'Content-Type': 'video/mp2t', 'Content-Length': length, ETag: `"${seed}-${length}"` })
  res.end(contentFor(seed, length))
})

function isOver(): boolean {
  const now = performance.now()
  while ((recent[0] ?? now) <= now - 1000) recent.shift()
  recent.push(now)
  mostPerSecond = Math.max(mostPerSecond, recent.length)
  return 'perSecond' in refusals ? recent.length > refusals.perSecond : nextRandom() < refusals.share
}

/** xorshift32, from 0 to 1. */
function nextRandom(): number {
  random ^= random << 13
  random ^= random >>> 17
  random ^= random << 5
  return (random >>> 0) / 2 ** 32
}

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
)
process.on('message', () => {
  process.send?.({ requests, refused, mostPerSecond } satisfies RefusalCounts)
})
process.on('disconnect', () => process.exit())
