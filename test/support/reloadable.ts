/** A shield whose configuration can be exchanged for another one, with its log in memory. Closed when the test ends. */
import { onTestFinished } from 'vitest'
import { type RunningApp, startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { FakeClock } from './fake-clock.ts'
import { type Answer, request } from './http-client.ts'
import { type S3Server, startS3Server } from './s3-socket-server.ts'

interface Origin {
  readonly endpoint: string
  readonly [key: string]: unknown
}

/** Everything is as in the file. The first origin takes every path where `more` says nothing of routes. */
export function configOf(
  origins: Readonly<Record<string, Origin>>,
  more: Readonly<Record<string, unknown>> = {},
): Config {
  const [first] = Object.keys(origins)
  const sections = Object.entries(origins).map(([name, origin]) => [
    name,
    {
      type: 's3',
      region: 'us-east-1',
      bucket: 'media',
      forcePathStyle: true,
      credentials: { anonymous: true },
      retry: { maxAttempts: 1 },
      ...origin,
    },
  ])
  const whole = {
    listen: [{ address: '127.0.0.1:0' }],
    log: { access: false },
    origins: Object.fromEntries(sections),
    routes: [{ match: '/**', origin: first, staleIfError: '0s' }],
    ...more,
  }
  return loadConfig({ text: JSON.stringify(whole), file: 'reload.yaml' }, {})
}

export interface Running {
  readonly app: RunningApp
  readonly lines: readonly string[]
  readonly ask: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>
  readonly port: number
  /** Of the admin listener, where the configuration has one. */
  readonly adminPort: number
  readonly clock: FakeClock
}

export async function running(config: Config, readConfig?: () => Promise<Config>): Promise<Running> {
  const lines: string[] = []
  const clock = new FakeClock()
  const app = await startApp(config, {
    clock,
    log: { write: (line) => void lines.push(line) },
    ...(readConfig && { readConfig }),
  })
  onTestFinished(() => app.close())
  const port = app.addresses[0]?.port ?? 0
  const adminPort = app.admin?.port ?? 0
  return { app, lines, port, adminPort, clock, ask: (path, headers = {}) => request(port, { path, headers }) }
}

export async function bucket(objects: Readonly<Record<string, string | Buffer>> = {}): Promise<S3Server> {
  const s3 = await startS3Server()
  onTestFinished(() => s3.close())
  for (const [key, bytes] of Object.entries(objects)) s3.put(key, bytes)
  return s3
}
