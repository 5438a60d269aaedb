/** What the process takes beside what it keeps: while everything it keeps is replaced, and for connections that wait. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { randomNumbers } from '../support/random-numbers.ts'
import type { Row } from './findings.ts'
import { fetchLazy, type ObjectName, startLazyOrigin } from './lazy-client.ts'
import { residentBytes } from './proc.ts'
import { startPacedOrigin } from './processes.ts'
import { type ShieldProcess, startWatchedShield } from './shield-process.ts'
import { RECORDING } from './side-by-side.ts'
import { fetchWhole, objectPath } from './works.ts'

const MB = 1_000_000
const MIB = 1024 ** 2
const MEMORY_BYTES = 1024 * MIB
const AT_MOST = 1.25 * MEMORY_BYTES + 120 * MB
const CLIENTS = 50
const SAMPLE_MS = 20
/** Objects of the same seed share what they are made of; their lengths tell them apart. */
const SEEDS = 50
const megabytes = (bytes: number) => `${(bytes / MB).toFixed(0)} MB`

/** More distinct segments than fit, as fast as they come; then what viewers ask for, most of it again and again. */
export async function churn(): Promise<Row[]> {
  const origin = await startLazyOrigin()
  const shield = await startWatchedShield(origin.port, { memory: '1GiB', ...RECORDING })
  const distinct = Array.from({ length: 750 }, (_, index) => ({ seed: index % SEEDS, length: 2 * MB + index }))
  const rows = [
    ...(await churnWith(shield, distinct, '1.5 GB of distinct 2 MB segments, 50 at a time, memory 1GiB')),
    ...(await churnWith(shield, hourOfViewing(), '… then 10,000 requests for 4,000 segments of 0.2 to 4 MB (Zipf)')),
  ]
  await shield.close()
  await origin.close()
  return rows
}

async function churnWith(shield: ShieldProcess, objects: readonly ObjectName[], what: string): Promise<Row[]> {
  let [peak, total, samples, whole, next] = [0, 0, 0, 0, 0]
  const sampling = setInterval(() => {
    const resident = residentBytes(shield.pid)
    peak = Math.max(peak, resident)
    total += resident
    samples += 1
  }, SAMPLE_MS)
  await shield.watched()
  const startedMs = performance.now()
  const client = async () => {
    for (let object = objects[next++]; object !== undefined; object = objects[next++]) {
      if ((await fetchLazy(shield.port, object)).isWhole) whole += 1
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  clearInterval(sampling)
  const { bufferBytes, heapBytes, loopP99Ms } = await shield.watched()
  const seconds = (performance.now() - startedMs) / 1000
  const sent = objects.reduce((sum, { length }) => sum + length, 0)
  return [
    {
      what: `${what}: whole answers`,
      measured: `${whole} of ${objects.length}, ${seconds.toFixed(1)} s, ${(sent / seconds / 1e9).toFixed(2)} GB/s`,
      aim: 'all',
      isMet: whole === objects.length,
    },
    {
      what: '… resident memory at most; on average; for what is kept, at most',
      measured: `${megabytes(peak)}; ${megabytes(total / samples)}; ${(peak / MEMORY_BYTES).toFixed(2)}x`,
      aim: `≤ 1.25x + 120 MB = ${megabytes(AT_MOST)}`,
      isMet: peak <= AT_MOST,
    },
    {
      what: '… of that at the end: Buffers, heap; delay of the event loop, p99',
      measured: `${megabytes(bufferBytes)}, ${megabytes(heapBytes)}; ${loopP99Ms.toFixed(1)} ms`,
      aim: '',
      isMet: true,
    },
  ]
}

/** Popular titles first: the share of the nth is 1/n (Zipf). As many requests as an hour of three viewers a second brings. */
function hourOfViewing(): readonly ObjectName[] {
  const [segments, requests] = [4000, 10_000]
  const random = randomNumbers(5)
  const lengths = Array.from({ length: segments }, () => Math.floor(0.2 * MB + random() ** 2 * 3.8 * MB))
  const harmonic = Array.from({ length: segments }, (_, rank) => 1 / (rank + 1))
  const whole = harmonic.reduce((sum, share) => sum + share, 0)
  const upTo: number[] = []
  for (const share of harmonic) upTo.push((upTo.at(-1) ?? 0) + share / whole)
  return Array.from({ length: requests }, () => {
    const drawn = random()
    const rank = upTo.findIndex((sum) => drawn < sum)
    // No two of the same length, as far as their seeds do not tell them apart.
    return { seed: Math.max(0, rank) % SEEDS, length: (lengths[rank] ?? MB) + Math.floor(rank / SEEDS) }
  })
}

/** Players between two segments: their connections stay, and do nothing. */
export async function idleConnections(): Promise<Row[]> {
  const connections = 10_000
  const origin = await startPacedOrigin()
  const shield = await startWatchedShield(origin.port, { memory: '256MiB', ...RECORDING })
  const path = objectPath(1, 1000)
  await fetchWhole(shield, path)
  // What is compiled and grown for many requests is there before.
  await closeAll(await openMany(shield.port, path, 2000))
  await pause(1000)
  const before = { resident: residentBytes(shield.pid), ...(await shield.watched()) }
  const sockets = await openMany(shield.port, path, connections)
  await pause(2000)
  const after = { resident: residentBytes(shield.pid), ...(await shield.watched()) }
  const open = sockets.filter((socket) => socket.readyState === 'open').length
  await closeAll(sockets)
  await shield.close()
  await origin.close()
  const more = after.resident - before.resident
  return [
    {
      what: '10,000 connections that have had an answer and wait: still open',
      measured: `${open} of ${connections}`,
      aim: 'all',
      isMet: open === connections,
    },
    {
      what: '… resident memory they add; of that heap and Buffers; each',
      measured: `${megabytes(more)}; ${megabytes(after.heapBytes - before.heapBytes)}, ${megabytes(after.bufferBytes - before.bufferBytes)}; ${(more / connections / 1000).toFixed(1)} kB`,
      aim: '≤ 150 MB',
      isMet: more <= 150 * MB,
    },
  ]
}

/** Each has asked for the path and received the answer. */
export async function openMany(port: number, path: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  // As many at once as a listener's queue takes.
  const atOnce = 500
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(atOnce, count - sockets.length) }, () => openOne(port, path))
    sockets.push(...(await Promise.all(batch)))
  }
  return sockets
}

async function openOne(port: number, path: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`)
  let received = ''
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    received += chunk.toString('latin1')
    const [head, body] = received.split('\r\n\r\n', 2)
    const length = Number(/content-length: (\d+)/i.exec(head ?? '')?.[1])
    if (body !== undefined && body.length >= length) return socket
  }
}

export async function closeAll(sockets: readonly Socket[]): Promise<void> {
  const closed = sockets.map((socket) => once(socket, 'close'))
  for (const socket of sockets) socket.destroy()
  await Promise.all(closed)
}
