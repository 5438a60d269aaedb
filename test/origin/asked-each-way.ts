/** A bare origin of each kind in front of the same scripted HTTP server, plain or encrypted. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { onTestFinished } from 'vitest'
import type { Origin, OriginRequest, OriginResponse } from '../../src/origin/origin.ts'
import { type HttpServer, startHttpServer } from '../support/http-socket-server.ts'
import { startOrigin } from './fixture.ts'
import { startHttpOrigin } from './http-fixture.ts'
import { TEST_CERTIFICATE } from './tls-certificate.ts'

/** `sdk` and `undici` are the transports of an S3 origin. */
export type Way = 'http' | 'sdk' | 'undici'
export const WAYS: readonly Way[] = ['http', 'sdk', 'undici']

export interface AskedOrigin {
  readonly server: HttpServer
  readonly origin: Origin
  /** The target is `/media/a`. */
  ask(request?: Partial<OriginRequest>): Promise<OriginResponse>
}

export async function startAsked(way: Way, isTls = false): Promise<AskedOrigin> {
  const before = getCACertificates('default')
  onTestFinished(() => setDefaultCACertificates(before))
  setDefaultCACertificates([...before, TEST_CERTIFICATE.cert])
  const options = isTls ? { tls: TEST_CERTIFICATE } : {}
  if (way === 'http') {
    const { server, origin, fetch } = await startHttpOrigin({ server: options })
    return { server, origin, ask: (request) => fetch('media/a', request) }
  }
  const server = await startHttpServer(options)
  onTestFinished(() => server.close())
  const { origin, fetch } = await startOrigin({ endpoint: server.url, transport: way })
  return { server, origin, ask: (request) => fetch('a', request) }
}
