/** A 304 confirms what was asked about and nothing else (RFC 9110 §15.4.5, RFC 9111 §4.3.3). */
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import type { HttpServer } from '../support/http-socket-server.ts'
import { request } from '../support/shield.ts'

function alwaysNotModified(origin: HttpServer, fields: Readonly<Record<string, string>>): void {
  origin.on('/page', (exchange) => exchange.send({ status: 304, framing: 'none', fields }))
}

test('one to a request without conditions, after one about another version, does not make the old bytes fresh', async () => {
  const { origin, port, clock } = await startHttpShield()
  origin.put('/page', 'old', { ETag: '"old"', 'Cache-Control': 'max-age=1' })
  await request(port, { path: '/page' })
  clock.advance(5000)
  alwaysNotModified(origin, { ETag: '"new"', 'Cache-Control': 'max-age=600' })
  expect((await request(port, { path: '/page' })).status).toBe(502)
  expect(origin.requests.map(({ fields }) => fields['if-none-match'])).toEqual([undefined, '"old"', undefined])
})

test('a stored 404, which was not asked about, is not what it confirms', async () => {
  const { origin, port, clock } = await startHttpShield()
  await request(port, { path: '/page' })
  clock.advance(5000)
  alwaysNotModified(origin, { 'Cache-Control': 'max-age=600' })
  expect((await request(port, { path: '/page' })).status).toBe(502)
})
