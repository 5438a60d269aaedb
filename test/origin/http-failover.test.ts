import { describe, expect, test } from 'vitest'
import { failover } from '../../src/origin/failover.ts'
import type { OriginRequest } from '../../src/origin/origin.ts'
import { claimPort } from '../support/claimed-port.ts'
import type { HttpHandler } from '../support/http-socket-server.ts'
import { failure } from './fixture.ts'
import { failing, told, UNREPEATABLE } from './http-asking.ts'
import { expectWell, startHttpOrigin } from './http-fixture.ts'

describe('failover', () => {
  async function two({ onNotFound = false, firstUrl = undefined as string | undefined } = {}) {
    const a = await startHttpOrigin({ retry: { maxAttempts: 1 }, ...(firstUrl !== undefined && { url: firstUrl }) })
    const b = await startHttpOrigin({ retry: { maxAttempts: 1 } })
    const origin = failover(a.origin, [b.origin], { onNotFound, clock: a.clock, log: a.log })
    const fetch = (key: string, request: Partial<OriginRequest> = {}) =>
      origin.fetch({ key, priority: 'segment', signal: new AbortController().signal, ...request })
    const expectBothWell = async () => {
      await expectWell(a)
      await expectWell(b)
    }
    return { a, b, fetch, expectBothWell }
  }

  test.each([429, 500, 503, 700])('a %i goes to the next origin, and is forgotten', async (status) => {
    const { a, b, fetch, expectBothWell } = await two()
    a.server.on('/a', failing(status, 'x'.repeat(1_000_000)))
    b.server.put('/a', 'good')

    expect(await told({ fetch })).toBe('200 good')
    const passedOver = a.log.lines.filter(({ fields }) => 'next' in fields)
    expect(passedOver.map(({ fields }) => fields)).toEqual([{ origin: 'packager', next: 'packager', status }])
    expect(a.origin.usage().inUse).toBe(0)
    await expectBothWell()
  })

  test.each([404, 501, 505, 508])('a %i is the answer', async (status) => {
    const { a, b, fetch } = await two()
    a.server.on('/a', failing(status))
    expect(await told({ fetch })).toBe(`${status} error ${status}`)
    expect(b.server.requests).toEqual([])
  })

  test.each<[first: HttpHandler, second: HttpHandler, outcome: string]>([
    [failing(500), failing(503), '503 error 503'],
    [failing(500), (exchange) => exchange.cut(), '500 error 500'],
    [(exchange) => exchange.cut(), failing(500), '500 error 500'],
    [failing(404), failing(500), '404 error 404'],
    [failing(500), failing(404), '404 error 404'],
    [failing(404), failing(404, 'the other'), '404 error 404'],
    [failing(404), failing(200, 'good'), '200 good'],
  ])('where both fail, the better answer of the two keeps its body (%#)', async (first, second, outcome) => {
    const { a, b, fetch, expectBothWell } = await two({ onNotFound: true })
    a.server.on('/a', first)
    b.server.on('/a', second)
    expect(await told({ fetch })).toBe(outcome)
    await expectBothWell()
  })

  test.each(UNREPEATABLE)('%s goes to the next one only if nothing of it was sent', async (_, request) => {
    const { a, b, fetch } = await two()
    a.server.on('/a', failing(503, 'no'))
    expect(await told({ fetch }, request())).toBe('503 no')
    a.server.on('/a', (exchange) => exchange.reset())
    await failure(fetch('a', request()), 'unreachable')
    expect(b.server.requests).toEqual([])

    const port = await claimPort()
    const other = await two({ firstUrl: `http://127.0.0.1:${port.port}` })
    other.b.server.on('/a', async (exchange) => exchange.send({ body: await exchange.request.content }))
    expect(await told({ fetch: other.fetch }, request())).toBe(`200 ${request().content === undefined ? '' : 'x'}`)
    port.release()
  })
})
