/** What an HTTP origin refuses to one client says nothing about the others who wait for the same URL. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { gate } from '../support/http-socket-server.ts'
import { request } from '../support/shield.ts'

type Fields = Readonly<Record<string, string>>

/** The first request is held until a second one waits for its answer; it gets this one, everybody else 200. */
async function askTogether(status: number, fields: Fields, headers: (name: string) => Fields) {
  const { origin, port } = await startHttpShield()
  const isAnswered = gate()
  origin.on('/page', async (exchange) => {
    if (exchange.nth > 1) return exchange.send({ body: 'the page' })
    await isAnswered.opened
    return exchange.send({ status, body: 'for alice', fields })
  })
  const alice = request(port, { path: '/page', headers: headers('alice') })
  await origin.received(1)
  const bob = request(port, { path: '/page', headers: headers('bob') })
  // Has been there and back behind it.
  await request(port, { path: '/other' })
  isAnswered.open()
  return { alice: await alice, bob: await bob, asked: origin.requestsFor('/page').length }
}

const cookie = (name: string) => ({ Cookie: name })

describe('only the one whose request was refused is told', () => {
  for (const status of [400, 401, 403, 412, 416, 429, 431]) {
    test(`${status}`, async () => {
      const { alice, bob, asked } = await askTogether(status, {}, cookie)
      expect([alice.status, alice.body.toString()]).toEqual([status, 'for alice'])
      expect([bob.status, bob.body.toString()]).toEqual([200, 'the page'])
      expect(asked).toBe(2)
    })
  }

  test('500 that sets a cookie', async () => {
    const { alice, bob } = await askTogether(500, { 'Set-Cookie': 'session=alice' }, cookie)
    expect([alice.status, alice.headers['set-cookie']]).toEqual([500, 'session=alice'])
    expect([bob.status, bob.headers['set-cookie']]).toEqual([200, undefined])
  })

  test('511, which is never kept, of somebody with credentials', async () => {
    const { alice, bob } = await askTogether(511, {}, (name) => ({ Authorization: `Bearer ${name}` }))
    expect([alice.status, bob.status]).toEqual([511, 200])
  })

  test('511 that says it is private', async () => {
    const { alice, bob } = await askTogether(511, { 'Cache-Control': 'private' }, cookie)
    expect([alice.status, bob.status]).toEqual([511, 200])
  })
})

test('a failure that is nobody’s in particular is told to all who wait, so that the origin has it once', async () => {
  const { alice, bob, asked } = await askTogether(500, {}, cookie)
  expect([alice.status, bob.status, asked]).toEqual([500, 500, 1])
})
