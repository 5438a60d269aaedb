/** 204 has neither content nor a length (RFC 9110 §8.6), whatever its origin says of it. */
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { request } from '../support/shield.ts'

test('204 has no length', async () => {
  const { origin, port } = await startHttpShield({ route: { methods: ['GET', 'HEAD', 'POST'] } })
  origin.onAny((exchange) => exchange.send({ status: 204 }))
  const [posted, got, hit, head] = [
    await request(port, { method: 'POST', path: '/a', body: 'x' }),
    await request(port, { path: '/b' }),
    await request(port, { path: '/b' }),
    await request(port, { method: 'HEAD', path: '/b' }),
  ]
  for (const { status, headers } of [posted, got, hit, head]) {
    expect([status, headers['content-length']]).toEqual([204, undefined])
  }
})
