/** Servers that are counted: started by a test, put to work, asked what it cost, and ended with the test. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { startS3Server } from '../support/s3-socket-server.ts'
import { CREDENTIALS } from '../support/shield.ts'
import { getRepeatedly } from './counted-load.ts'

/** What the process is to be. Only one thing is counted, since the means to count one cost something of the others. */
export interface Asked {
  readonly server:
    | { readonly kind: 'bare'; readonly bytes: number }
    | { readonly kind: 'shield'; readonly configuration: string }
  readonly counts: Counted['kind']
}

/** Since it was asked last. */
export type Counted =
  /** Of V8's heap, collected since or not. */
  | { readonly kind: 'allocations'; readonly bytes: number }
  | { readonly kind: 'promises'; readonly promises: number }
  /** Characters of the program's source, each as often as it was run; calls of functions named `test`, the patterns'. */
  | { readonly kind: 'code'; readonly characters: number; readonly patternTests: number }

export interface CountedServer {
  readonly port: number
  count(): Promise<Counted>
}

/** The one object there is, stored in no cache yet. */
export const PATH = '/vod/film/001.ts'
export const OBJECT_BYTES = 1000

export async function startCounted(asked: Asked): Promise<CountedServer> {
  const child = fork(new URL('./counted-server.ts', import.meta.url), [JSON.stringify(asked)], { execArgv: [] })
  onTestFinished(async () => {
    if (child.exitCode !== null) return
    const exited = once(child, 'exit')
    child.disconnect()
    await exited
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return {
    port,
    count: async () => {
      child.send('count')
      const [counted] = await once(child, 'message')
      return counted as Counted
    },
  }
}

/** In front of a bucket with the one object, which it has in memory when this resolves. */
export async function startCountedShield(
  counts: Counted['kind'],
  routes: readonly Readonly<Record<string, unknown>>[] = [{ match: '/**', origin: 'spaces' }],
): Promise<CountedServer> {
  const s3 = await startS3Server()
  onTestFinished(() => s3.close())
  s3.put(PATH.slice(1), Buffer.alloc(OBJECT_BYTES), { 'cache-control': 'max-age=86400', 'content-type': 'video/mp2t' })
  const configuration = JSON.stringify({
    listen: [{ address: '127.0.0.1:0' }],
    log: { level: 'info', access: true, format: 'json' },
    origins: {
      spaces: {
        ...{ type: 's3', endpoint: s3.endpoint, region: 'sfo3', bucket: s3.bucket, forcePathStyle: true },
        credentials: CREDENTIALS,
      },
    },
    routes,
  })
  const server = await startCounted({ server: { kind: 'shield', configuration }, counts })
  await getRepeatedly(server.port, PATH, 1)
  return server
}
