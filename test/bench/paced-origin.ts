/**
 * An S3-speaking origin whose objects say in their names how they behave: `SEED-BYTES-DELAYMS-BYTESPERSECOND.ts`.
 *
 * Run as a process of its own, so that its work is not counted as the shield's. Says `{ port }` to its parent when it
 * listens, and answers any message with its counts. Ends with its parent.
 */

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { contentFor } from './content.ts'

export interface OriginCounts {
  readonly requests: number
  readonly bytesSent: number
  readonly openSockets: number
  readonly peakSockets: number
  readonly activeAnswers: number
}

const TICK_MS = 5
let requests = 0
let bytesSent = 0
let openSockets = 0
let peakSockets = 0
let activeAnswers = 0

const server = createServer(async (req, res) => {
  requests += 1
  const [seed, length, delayMs, bytesPerSecond] = (req.url ?? '').match(/\d+/g)?.slice(-4).map(Number) ?? []
  if (seed === undefined || length === undefined) {
    res.writeHead(404, { 'Content-Length': 0 }).end()
    return
  }
  activeAnswers += 1
  res.once('close', () => {
    activeAnswers -= 1
  })
  const content = contentFor(seed, length)
  if (delayMs) await pause(delayMs)
  res.writeHead(200, { 'Content-Type': 'video/mp2t', 'Content-Length': length, ETag: `"${seed}-${length}"` })
  await sendPaced(res, content, bytesPerSecond ?? 0)
})

async function sendPaced(res: ServerResponse, content: Buffer, bytesPerSecond: number): Promise<void> {
  if (bytesPerSecond === 0) {
    bytesSent += content.length
    res.end(content)
    return
  }
  const startedMs = performance.now()
  let sent = 0
  while (sent < content.length && !res.destroyed) {
    const due = Math.min(content.length, Math.ceil(((performance.now() - startedMs) / 1000) * bytesPerSecond))
    if (due > sent) res.write(content.subarray(sent, due))
    bytesSent += due - sent
    sent = due
    await pause(TICK_MS)
  }
  res.end()
}

server.on('connection', (socket) => {
  openSockets += 1
  peakSockets = Math.max(peakSockets, openSockets)
  socket.once('close', () => {
    openSockets -= 1
  })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('message', () => {
  process.send?.({ requests, bytesSent, openSockets, peakSockets, activeAnswers } satisfies OriginCounts)
})
process.on('disconnect', () => process.exit())
