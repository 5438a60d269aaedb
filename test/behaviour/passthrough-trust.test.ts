/** For whom a request is passed through: a trusted proxy is continued, as on any other route; nobody else is believed. */
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { request } from '../support/shield.ts'

const SENT = {
  Host: 'inner.test',
  'X-Forwarded-For': '192.0.2.1',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'outer.test',
}

async function told(trustedProxies: readonly string[]) {
  const { origin, port } = await startHttpShield({ passesThrough: true, trustedProxies })
  await request(port, { path: '/', headers: SENT })
  const {
    'x-forwarded-for': address,
    'x-forwarded-proto': scheme,
    'x-forwarded-host': host,
    forwarded,
  } = origin.requests[0]?.fields ?? {}
  return { address, scheme, host, forwarded }
}

test('what a trusted proxy says of the client goes on, its own address behind it', async () => {
  expect(await told(['127.0.0.0/8'])).toEqual({
    address: '192.0.2.1, 127.0.0.1',
    scheme: 'https',
    host: 'outer.test',
    forwarded: 'for=192.0.2.1, for=127.0.0.1;host=inner.test;proto=http',
  })
})

test('what anybody else says is replaced', async () => {
  expect(await told(['192.0.2.0/24'])).toEqual({
    address: '127.0.0.1',
    scheme: 'http',
    host: 'inner.test',
    forwarded: 'for=127.0.0.1;host=inner.test;proto=http',
  })
})
