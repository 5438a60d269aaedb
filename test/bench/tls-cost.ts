/**
 * What HTTPS costs: server CPU of a hit from the shield over HTTP/1.1 and HTTP/2, beside Node's bare servers that write
 * the same Buffer. Needs wrk for HTTP/1.1.
 *
 *     node test/bench/tls-cost.ts [bytes]
 */

import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createSecureServer, connect as openSession, type ServerHttp2Stream } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contentFor } from './content.ts'
import { cpuMicroseconds, type ServerProcess, startPacedOrigin, startShield } from './processes.ts'

async function compare(bytes: number): Promise<void> {
  const certificates = mkdtempSync(join(tmpdir(), 'segment-shield-bench-'))
  makeCertificate(certificates)
  const origin = await startPacedOrigin()
  const tls = { cert: join(certificates, 'cert.pem'), key: join(certificates, 'key.pem') }
  const shield = await startShield(origin.port, { memory: '256MiB', access: false, listen: { tls } })
  const path = `/1-${bytes}-0-0.ts`
  const print = (line: string) => process.stdout.write(`${line}\n`)
  for (const version of [1, 2] as const) {
    const bare = await startBareProcess(`bare-${version}`, bytes, certificates)
    const measure = version === 1 ? overHttp1 : overHttp2
    const costs = { shield: [] as number[], bare: [] as number[] }
    await measure(bare, path)
    await measure(shield, path)
    for (let round = 0; round < 5; round += 1) {
      costs.bare.push(await measure(bare, path))
      costs.shield.push(await measure(shield, path))
    }
    await bare.close()
    const [own, floor] = [median(costs.shield), median(costs.bare)]
    print(
      `HTTP/${version} hit of ${bytes} B: ${own.toFixed(0)} µs / ${floor.toFixed(0)} µs = ${(own / floor).toFixed(2)}x`,
    )
  }
  await shield.close()
  await origin.close()
  rmSync(certificates, { recursive: true })
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

function makeCertificate(target: string): void {
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    join(target, 'key.pem'),
  ]
  const rest = ['-out', join(target, 'cert.pem'), '-days', '2', '-subj', '/CN=localhost']
  execFileSync('openssl', ['req', '-x509', ...key, ...rest], { stdio: 'pipe' })
}

function startBare(kind: 'bare-1' | 'bare-2', bytes: number, certificates: string): void {
  const body = contentFor(1, bytes)
  const tls = { cert: readFileSync(join(certificates, 'cert.pem')), key: readFileSync(join(certificates, 'key.pem')) }
  const fields = ['Content-Type', 'video/mp2t', 'Content-Length', String(bytes), 'ETag', '"1"']
  const server =
    kind === 'bare-1'
      ? createServer({ ...tls, highWaterMark: 1024 * 1024 }, (_req, res) => res.writeHead(200, fields).end(body))
      : // With less, Node refuses streams while whole Buffers of this size wait on a few others.
        createSecureServer({ ...tls, maxSessionMemory: 1000 }).on('stream', (stream: ServerHttp2Stream) => {
          stream.on('error', () => undefined)
          stream.respond([':status', '200', ...fields])
          stream.end(body)
        })
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
  process.on('disconnect', () => process.exit())
}

async function startBareProcess(kind: string, bytes: number, certificates: string): Promise<ServerProcess> {
  const child = fork(new URL(import.meta.url), [kind, String(bytes), certificates])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const close = async () => {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  }
  return { port, pid: child.pid ?? 0, output: () => '', close }
}

/** Microseconds of server CPU for one request, over some seconds of load from 16 connections. */
async function overHttp1({ pid, port }: ServerProcess, path: string): Promise<number> {
  const before = cpuMicroseconds(pid)
  const report = execFileSync('wrk', ['-t1', '-c16', '-d3s', `https://127.0.0.1:${port}${path}`], { encoding: 'utf8' })
  if (/Non-2xx|Socket errors/.test(report)) throw new Error(`wrk saw errors:\n${report}`)
  return (cpuMicroseconds(pid) - before) / Number(/(\d+) requests in/.exec(report)?.[1])
}

/** The same from 4 connections with 8 requests each. */
async function overHttp2({ pid, port }: ServerProcess, path: string): Promise<number> {
  const before = cpuMicroseconds(pid)
  const child = fork(new URL(import.meta.url), ['load', String(port), path])
  const [requests] = (await once(child, 'message')) as [number]
  await once(child, 'exit')
  return (cpuMicroseconds(pid) - before) / requests
}

async function loadHttp2(port: number, path: string): Promise<void> {
  const until = performance.now() + 3000
  let requests = 0
  const one = async (session: ReturnType<typeof openSession>) => {
    while (performance.now() < until) {
      const stream = session.request({ ':path': path })
      stream.resume()
      await once(stream, 'close')
      if (stream.rstCode !== 0) throw new Error(`a stream was reset with ${stream.rstCode}`)
      requests += 1
    }
  }
  const sessions = Array.from({ length: 4 }, () =>
    openSession(`https://127.0.0.1:${port}`, {
      rejectUnauthorized: false,
      // As browsers have them.
      settings: { initialWindowSize: 6 * 1024 ** 2, enablePush: false },
    }),
  )
  await Promise.all(
    sessions.map(async (session) => {
      await once(session, 'connect')
      session.setLocalWindowSize(15 * 1024 ** 2)
      await Promise.all(Array.from({ length: 8 }, () => one(session)))
      session.close()
    }),
  )
  process.send?.(requests)
  process.disconnect?.()
}

const [role = '2000000', length = '', folder = ''] = process.argv.slice(2)
if (role === 'bare-1' || role === 'bare-2') startBare(role, Number(length), folder)
else if (role === 'load') await loadHttp2(Number(length), folder)
else await compare(Number(role))
