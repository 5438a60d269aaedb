/** The whole program in front of a real gateway, from configuration text to a socket, and a client that hides nothing. */
import { once } from 'node:events'
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request as startRequest } from 'node:http'
import { onTestFinished } from 'vitest'
import { startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { transportUnderTest } from '../origin/fixture.ts'
import type { Rgw, RgwCredentials } from '../support/ceph-rgw.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { request } from '../support/http-client.ts'

export interface ShieldOptions {
  /** @default the bucket owner's */
  readonly credentials?: RgwCredentials
  readonly bucket?: string
  /** @default 'max-age' of the origin or the program's own defaults */
  readonly ttl?: string
  /** @default '8MiB' */
  readonly maxObject?: string
  /** Of the origin, as in the configuration file. @default the program's own */
  readonly breaker?: Readonly<Record<string, unknown>>
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
}

export interface Shield {
  readonly port: number
  /** What `/ready` of the admin listener says: status, circuit, permits. */
  ready(): Promise<Readiness>
  /** Nothing becomes stale and no timeout fires unless it is advanced. */
  readonly clock: FakeClock
  /** Every line of the log, as JSON. */
  readonly logLines: readonly string[]
  /** One request on a connection of its own. Rejects when the answer is cut. */
  get(target: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** Resolves at the answer's head, on a connection to be kept alive; the body is paused until it is read. */
  open(target: string): Promise<IncomingMessage>
}

export interface Readiness {
  readonly status: 'ready' | 'not ready'
  readonly origins: {
    readonly spaces: {
      readonly circuit: string
      readonly pool: { readonly inUse: number; readonly free: number; readonly queued: number }
    }
  }
}

/** Started on a free port and closed when the test ends. */
export async function startShield(rgw: Rgw, options: ShieldOptions = {}): Promise<Shield> {
  const { credentials = rgw.credentials, bucket = rgw.bucket, ttl, maxObject = '8MiB', breaker = {} } = options
  const text = `
listen: [{ address: '127.0.0.1:0' }]
admin: { address: '127.0.0.1:0' }
cache: { memory: 256MiB, maxObject: ${maxObject} }
origins:
  spaces:
    type: s3
    endpoint: ${rgw.endpoint}
    region: ${rgw.region}
    bucket: ${bucket}
    credentials: { accessKeyId: "\${KEY}", secretAccessKey: "\${SECRET}" }
    forcePathStyle: true
    transport: ${transportUnderTest()}
    retry: { maxAttempts: 2 }
    breaker: ${JSON.stringify(breaker)}
routes:
  - match: /**
    origin: spaces
    negativeTtl: { 404: 1s, 403: 1s }
    ${ttl === undefined ? '' : `ttl: ${ttl}`}
`
  const environment = { KEY: credentials.accessKeyId, SECRET: credentials.secretAccessKey }
  const clock = new FakeClock()
  const logLines: string[] = []
  // Nothing random: retries come without a pause, since the clock stands still.
  const log = { write: (line: string) => void logLines.push(line) }
  const app = await startApp(loadConfig({ text, file: 'shield.yaml' }, environment), { clock, log, random: () => 0 })
  onTestFinished(() => app.close())
  const port = app.addresses[0]?.port ?? 0
  const adminPort = app.admin?.port ?? 0
  return {
    port,
    ready: async () => JSON.parse(String((await request(adminPort, { path: '/ready' })).body)),
    clock,
    logLines,
    open: (path) => send(port, path, {}, true),
    get: async (path, headers) => {
      const response = await send(port, path, headers)
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      return { status: response.statusCode ?? 0, headers: response.headers, bytes: Buffer.concat(chunks) }
    },
  }
}

/** The path goes out as it is: no client that parses URLs would leave `//` and escapes alone. */
async function send(port: number, path: string, headers: Readonly<Record<string, string>> = {}, keepAlive = false) {
  const agent = new Agent({ keepAlive })
  const outgoing = startRequest({ host: '127.0.0.1', port, path, headers, agent }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return response
}

/** A URL's path for an object's name: its slashes stay, everything else that could be escaped is. */
export function targetOf(key: string): string {
  return `/${key.split('/').map(encodeURIComponent).join('/')}`
}
