/**
 * The demo: an S3 server on this machine, a bucket with a sample stream and a page, and the shield in front of it.
 *
 * Everything the page shows went over real sockets: browser → shield → S3 protocol → bucket. When it cannot start,
 * nothing it started is left running.
 *
 * The S3 server is fauxqs: of the maintained ones on npm it answers single ranges and If-Match as S3 does, and reports a
 * taken port instead of ending the process.
 */

import { readdir, readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { buildApp } from 'fauxqs'
import { startApp } from './app.ts'
import { readConfig } from './config/load.ts'
import { StartError } from './errors.ts'
import { contentTypeFor } from './media/types.ts'

export interface DemoOptions {
  /** Where the page and the stream are served; 0 takes any free port. */
  readonly port: number
  /** Where the S3 server listens; 0 takes any free port. */
  readonly s3Port: number
  readonly print: (line: string) => void
}

export interface RunningDemo {
  /** The page to open. */
  readonly url: string
  readonly streamUrl: string
  readonly s3Endpoint: string
  close(): Promise<void>
}

const BUCKET = 'demo'
const HOST = '127.0.0.1'
const CONFIG_FILE = fileURLToPath(new URL('../config/demo.yaml', import.meta.url))
const PAGE_FILES = ['watch.html', 'watch.css', 'watch.js']

/** @throws {StartError} when one of the two ports is taken: it says which, and how to choose another */
export async function startDemo({ port, s3Port, print }: DemoOptions): Promise<RunningDemo> {
  const s3 = await startS3(s3Port)
  try {
    await fillBucket(s3.endpoint)
    const config = await readConfig(CONFIG_FILE, { DEMO_PORT: String(port), DEMO_S3_PORT: String(s3.port) })
    const app = await startApp(config).catch((error: unknown) => {
      throw withHint(error, '--port')
    })
    const base = `http://${HOST}:${app.addresses[0]?.port ?? port}`
    const url = `${base}/watch.html`
    const streamUrl = `${base}/stream/master.m3u8`
    for (const line of announcement(url, streamUrl, s3.endpoint)) print(line)
    const close = async () => {
      try {
        await app.close()
      } finally {
        await s3.close()
      }
    }
    return { url, streamUrl, s3Endpoint: s3.endpoint, close }
  } catch (error) {
    await s3.close()
    throw error
  }
}

function announcement(url: string, streamUrl: string, s3Endpoint: string): readonly string[] {
  return [
    '',
    '  segment-shield demo',
    '',
    `  Watch      ${url}`,
    `  Stream     ${streamUrl}   (any HLS player)`,
    `  Bucket     ${s3Endpoint}/${BUCKET}   (S3, on this machine)`,
    '',
    '  Ctrl+C ends it.',
    '',
  ]
}

async function startS3(port: number) {
  const server = buildApp({ logger: false })
  try {
    await server.listen({ host: HOST, port })
  } catch (error) {
    await server.close()
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    const reason = isTaken ? 'the port is taken by another program' : String(error)
    throw withHint(new StartError(`cannot listen on ${HOST}:${port}: ${reason}`, { cause: error }), '--s3-port')
  }
  const { port: boundPort } = server.server.address() as AddressInfo
  return { port: boundPort, endpoint: `http://${HOST}:${boundPort}`, close: () => server.close() }
}

function withHint(error: unknown, option: string): unknown {
  if (!(error instanceof StartError)) return error
  return new StartError(`${error.message}; ${option} N takes another one (0: any)`, { cause: error })
}

/** The bucket's content: the page, the player it uses, and the stream. */
async function fillBucket(endpoint: string): Promise<void> {
  await put(endpoint, '', Buffer.alloc(0))
  const folder = new URL('demo/', import.meta.url)
  const sample = await readdir(new URL('sample/', folder))
  const sources: (readonly [key: string, file: URL | string])[] = [
    ...PAGE_FILES.map((name) => [name, new URL(name, folder)] as const),
    ['hls.min.js', new URL(import.meta.resolve('hls.js/dist/hls.min.js'))],
    ...sample.map((name) => [`stream/${name}`, new URL(`sample/${name}`, folder)] as const),
  ]
  await Promise.all(sources.map(async ([key, file]) => put(endpoint, key, await readFile(file))))
}

/** The server on this machine takes unsigned requests. An empty key makes the bucket itself. */
async function put(endpoint: string, key: string, bytes: Buffer<ArrayBuffer>): Promise<void> {
  const headers = { 'Content-Type': contentTypeFor(key, undefined) ?? 'application/octet-stream' }
  const response = await fetch(`${endpoint}/${BUCKET}/${key}`, { method: 'PUT', headers, body: bytes })
  if (!response.ok)
    throw new Error(`the demo's bucket did not take ${key}: ${response.status} ${await response.text()}`)
}
