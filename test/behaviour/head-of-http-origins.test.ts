/** HEAD of what an HTTP origin has: asked with HEAD, and as good as GET when the origin fails. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import type { HttpHandler } from '../support/http-socket-server.ts'
import { request } from '../support/shield.ts'

const failures: Readonly<Record<string, HttpHandler>> = {
  'a reset': (exchange) => exchange.reset(),
  503: (exchange) => exchange.send({ status: 503 }),
}

async function startStale(cacheControl: string, fails: HttpHandler) {
  const { origin, port, clock } = await startHttpShield({ route: { staleIfError: '1h' } })
  origin.put('/page', 'page', { 'Cache-Control': cacheControl })
  await request(port, { path: '/page' })
  clock.advance(5000)
  origin.on('/page', fails)
  const ask = (method: string) => request(port, { method, path: '/page' })
  return { get: await ask('GET'), head: await ask('HEAD') }
}

describe('what may stand in for a failure', () => {
  for (const [name, fails] of Object.entries(failures)) {
    test(`stands in for ${name} to HEAD as it does to GET`, async () => {
      const { get, head } = await startStale('max-age=1', fails)
      expect([get.status, head.status]).toEqual([200, 200])
      expect(head.headers).toMatchObject({ 'content-length': '4', age: '5', etag: get.headers['etag'] })
      expect(head.headers['cache-status']).toContain('detail=stale-if-error')
    })
  }

  test('does not where the origin forbids it', async () => {
    const { get, head } = await startStale('max-age=1, must-revalidate', (exchange) => exchange.reset())
    expect([get.status, head.status]).toEqual([504, 504])
  })
})
