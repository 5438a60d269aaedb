/** What an HTTP origin is told of a request and may answer by, a stored answer is kept by: no client sets it for others. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import type { HttpExchange, HttpServer } from '../support/http-socket-server.ts'
import { request } from '../support/shield.ts'

/** An origin that repeats what it was told, and lets everybody keep that. */
function repeats(origin: HttpServer, name: string, fields: Readonly<Record<string, string>> = {}): void {
  origin.onAny((exchange: HttpExchange) =>
    exchange.send({ body: exchange.request.fields[name] ?? '', fields: { 'Cache-Control': 'max-age=60', ...fields } }),
  )
}

async function textOf(port: number, headers: Readonly<Record<string, string>>): Promise<string> {
  return (await request(port, { path: '/page', headers })).body.toString()
}

describe('a host that a client makes up', () => {
  test('is not in what the next client gets, though the answer does not say that it varies', async () => {
    const { origin, port } = await startHttpShield()
    repeats(origin, 'x-forwarded-host')
    expect(await textOf(port, { Host: 'evil.test' })).toBe('evil.test')
    expect(await textOf(port, { Host: 'good.test' })).toBe('good.test')
    expect(origin.requests.length).toBe(2)
  })

  test('is the same host in any case, and its answer is kept', async () => {
    const { origin, port } = await startHttpShield()
    repeats(origin, 'x-forwarded-host')
    expect(await textOf(port, { Host: 'good.test' })).toBe('good.test')
    expect(await textOf(port, { Host: 'GOOD.test' })).toBe('good.test')
    expect(origin.requests.length).toBe(1)
  })

  test('counts for nothing in X-Forwarded-Host unless a trusted proxy says it, whose two hosts are kept apart', async () => {
    const strangers = await startHttpShield()
    repeats(strangers.origin, 'x-forwarded-host')
    const headers = { Host: 'good.test', 'X-Forwarded-Host': 'evil.test' }
    expect(await textOf(strangers.port, headers)).toBe('good.test')

    const trusting = await startHttpShield({ trustedProxies: ['127.0.0.1'] })
    repeats(trusting.origin, 'x-forwarded-host')
    expect(await textOf(trusting.port, headers)).toBe('evil.test')
    expect(await textOf(trusting.port, { Host: 'good.test' })).toBe('good.test')
    expect(trusting.origin.requests.length).toBe(2)
  })
})

test('a redirect from http to https is not what a client of https gets', async () => {
  const { origin, port } = await startHttpShield({ trustedProxies: ['127.0.0.1'] })
  origin.onAny((exchange) =>
    exchange.request.fields['x-forwarded-proto'] === 'https'
      ? exchange.send({ body: 'page' })
      : exchange.send({ status: 301, fields: { Location: 'https://good.test/page' } }),
  )
  const ask = (proto: string) =>
    request(port, { path: '/page', headers: { Host: 'good.test', 'X-Forwarded-Proto': proto } })
  expect((await ask('http')).status).toBe(301)
  expect((await ask('https')).status).toBe(200)
})

describe('an answer that varies by a field which is told by us', () => {
  test('goes by what the origin was told, not by what the client sent', async () => {
    const { origin, port } = await startHttpShield({ trustedProxies: ['127.0.0.1'] })
    repeats(origin, 'x-forwarded-for', { Vary: 'X-Forwarded-For' })
    expect(await textOf(port, { Host: 'h', Forwarded: 'for=192.0.2.1' })).toBe('192.0.2.1, 127.0.0.1')
    expect(await textOf(port, { Host: 'h', Forwarded: 'for=192.0.2.2' })).toBe('192.0.2.2, 127.0.0.1')
    expect(origin.requests.length).toBe(2)
  })

  test('is one answer for clients that are told alike, whatever they send', async () => {
    const { origin, port } = await startHttpShield()
    repeats(origin, 'x-forwarded-for', { Vary: 'X-Forwarded-For' })
    expect(await textOf(port, { Host: 'h', 'X-Forwarded-For': '192.0.2.1' })).toBe('127.0.0.1')
    expect(await textOf(port, { Host: 'h', 'X-Forwarded-For': '192.0.2.2' })).toBe('127.0.0.1')
    expect(origin.requests.length).toBe(1)
  })
})
