/** Shields through the package's own door, in front of a scripted S3; all are closed when the test ends. */
import { onTestFinished } from 'vitest'
import { createShield, type Shield, type ShieldConfig, type ShieldOptions, type ShieldSource } from '../../src/index.ts'
import { type S3Server, startS3Server } from '../support/s3-socket-server.ts'

export async function bucket(objects: Readonly<Record<string, Buffer | string>> = {}): Promise<S3Server> {
  const s3 = await startS3Server()
  onTestFinished(() => s3.close())
  for (const [key, bytes] of Object.entries(objects)) s3.put(key, bytes)
  return s3
}

/** A small configuration that works, as a program would write it down. */
export function configFor(s3: Pick<S3Server, 'endpoint' | 'bucket'>, more: Partial<ShieldConfig> = {}): ShieldConfig {
  return {
    listen: [{ address: '127.0.0.1:0' }],
    origins: {
      spaces: {
        type: 's3',
        endpoint: s3.endpoint,
        region: 'sfo3',
        bucket: s3.bucket,
        forcePathStyle: true,
        credentials: { anonymous: true },
        retry: { maxAttempts: 1 },
      },
    },
    routes: [{ match: '/**', origin: 'spaces' }],
    ...more,
  }
}

export interface Embedded {
  readonly shield: Shield
  readonly port: number
  /** What the log took. */
  readonly lines: readonly string[]
  /** Resolves when so many of its lines hold this text: a record may be written after the client has its answer. */
  logged(text: string, count: number): Promise<void>
}

export async function embedded(config: ShieldSource, options: ShieldOptions = {}): Promise<Embedded> {
  const lines: string[] = []
  const waiters = new Set<() => void>()
  const write = (line: string) => {
    lines.push(line)
    for (const check of [...waiters]) check()
  }
  const shield = await createShield(config, { log: { write }, graceMs: 0, ...options })
  onTestFinished(() => shield.close())
  const logged = (text: string, count: number) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (lines.filter((line) => line.includes(text)).length < count) return
        waiters.delete(check)
        resolve()
      }
      waiters.add(check)
      check()
    })
  return { shield, port: shield.addresses[0]?.port ?? 0, lines, logged }
}
