/** What the tests of an HTTP origin's attempts, circuit, hedging and failover have in common. */
import { Readable } from 'node:stream'
import type { OriginRequest } from '../../src/origin/origin.ts'
import type { HttpHandler } from '../support/http-socket-server.ts'
import { bytesOf } from './fixture.ts'
import type { HttpFixture } from './http-fixture.ts'

/** An origin that answers with that. */
export const failing =
  (status: number, body = `error ${status}`): HttpHandler =>
  (exchange) =>
    exchange.send({ status, body })

/** What a client would get of it. */
export async function told(fixture: Pick<HttpFixture, 'fetch'>, request: Partial<OriginRequest> = {}): Promise<string> {
  const response = await fixture.fetch('a', request)
  return `${response.status} ${(await bytesOf(response)).toString()}`
}

/** Requests that are sent once, whatever comes of them. */
export const UNREPEATABLE: readonly (readonly [what: string, request: () => Partial<OriginRequest>])[] = [
  ['POST', () => ({ method: 'POST' })],
  ['PATCH', () => ({ method: 'PATCH' })],
  ['a method nobody knows', () => ({ method: 'BREW' })],
  ['get, which is not GET', () => ({ method: 'get' })],
  ['PUT with content', () => ({ method: 'PUT', content: Readable.from([Buffer.from('x')]) })],
]
