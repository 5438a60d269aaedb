/**
 * The load over HTTP/2: a few connections, and on each as many requests at once as the other loads have connections in
 * all. Receives as browsers do, into windows that are larger than an answer. Told what a `NodeLoad` says.
 */

import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import type { NodeLoad, Seen } from './load.ts'

const SESSIONS = 4
const [STREAM_WINDOW, CONNECTION_WINDOW] = [6 * 1024 ** 2, 15 * 1024 ** 2]

const { url, target, connections, seconds, ca = '' } = JSON.parse(process.argv[2] ?? '') as NodeLoad
if (target.kind !== 'same') throw new Error('only hits are loaded over HTTP/2')
const fields = { ...target.fields, ':path': target.path }
const authority = readFileSync(ca)
const latencies: number[] = []
let [bytes, errors] = [0, 0]

const startedMs = performance.now()
const untilMs = startedMs + seconds * 1000
const sessions = Array.from({ length: SESSIONS }, () => {
  const session = connect(url, { ca: authority, settings: { initialWindowSize: STREAM_WINDOW } })
  session.on('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW))
  session.on('error', () => undefined) // each of its streams has one, too
  return session
})
await Promise.all(Array.from({ length: connections }, (_, index) => keepAsking(sessions[index % SESSIONS])))
const micros = (performance.now() - startedMs) * 1000
for (const session of sessions) session.close()
latencies.sort((a, b) => a - b)
const at = (share: number) => (latencies[Math.floor((latencies.length - 1) * share)] ?? 0) * 1000
const seen: Seen = { requests: latencies.length, bytes, micros, p50: at(0.5), p99: at(0.99), errors }
process.stdout.write(`${JSON.stringify(seen)}\n`)

async function keepAsking(session: ClientHttp2Session | undefined): Promise<void> {
  while (session !== undefined && performance.now() < untilMs) {
    const askedMs = performance.now()
    if (await ask(session)) latencies.push(performance.now() - askedMs)
    else errors += 1
    if (errors > 100) return
  }
}

/** Whether the answer was a good one, and whole. */
function ask(session: ClientHttp2Session): Promise<boolean> {
  return new Promise((resolve) => {
    if (session.destroyed) {
      resolve(false)
      return
    }
    let [status, announced, received] = [0, 0, 0]
    const stream = session.request(fields)
    stream.on('response', (head) => {
      status = Number(head[':status'])
      announced = Number(head['content-length'] ?? 0)
    })
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    stream.on('error', () => undefined) // `close` follows
    stream.on('close', () => {
      bytes += received
      resolve(status >= 200 && status < 400 && received === announced)
    })
  })
}
