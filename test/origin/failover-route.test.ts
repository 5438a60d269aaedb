/** A route with two origins, in the whole program on real sockets. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { request } from '../support/http-client.ts'
import { startS3Server } from '../support/s3-socket-server.ts'

async function startTwo(route: Readonly<Record<string, unknown>> = {}) {
  const [first, second] = [await startS3Server(), await startS3Server()]
  const clock = new FakeClock()
  const lines: string[] = []
  const originAt = (endpoint: string) => ({
    type: 's3',
    endpoint,
    region: 'sfo3',
    bucket: 'media',
    credentials: { accessKeyId: 'AK', secretAccessKey: 'SK' },
    forcePathStyle: true,
    retry: { maxAttempts: 1 },
  })
  const config = {
    listen: [{ address: '127.0.0.1:0' }],
    origins: { sfo3: originAt(first.endpoint), nyc3: originAt(second.endpoint) },
    routes: [{ match: '/**', origin: ['sfo3', 'nyc3'], ttl: '1s', ...route }],
  }
  const text = JSON.stringify(config)
  const app = await startApp(loadConfig({ text, file: 'shield.yaml' }, {}), {
    clock,
    graceMs: 1000,
    log: { write: (line) => void lines.push(line) },
  })
  onTestFinished(async () => {
    const closed = app.close()
    clock.advance(1000)
    await closed
    await first.close()
    await second.close()
  })
  const port = app.addresses[0]?.port ?? 0
  const records = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return { first, second, clock, records, get: (path: string) => request(port, { path }) }
}

test('a store that is gone is answered for by the second one, and what it gave is cached as the first one’s', async () => {
  const { first, second, clock, records, get } = await startTwo()
  first.onAny((exchange) => exchange.reset())
  second.put('a.ts', 'from the copy')
  expect(String((await get('/a.ts')).body)).toBe('from the copy')
  expect(String((await get('/a.ts')).body)).toBe('from the copy')
  expect([first.requests.length, second.requests.length]).toEqual([1, 1])
  expect(records().filter(({ msg }) => msg === 'sfo3: asking nyc3')).toHaveLength(1)
  first.onAny()
  first.put('a.ts', 'from the first')
  clock.advance(2000)

  expect(String((await get('/a.ts')).body)).toBe('from the first')
  expect(second.requests).toHaveLength(1)
})

test('a first store whose circuit is open costs nothing: the second one is asked at once', async () => {
  const { first, second, get } = await startTwo()
  first.onAny((exchange) => exchange.error(500, 'InternalError'))
  for (let index = 0; index < 25; index += 1) {
    second.put(`${index}.ts`, `segment ${index}`)
    expect(String((await get(`/${index}.ts`)).body)).toBe(`segment ${index}`)
  }

  expect(first.requests).toHaveLength(20)
  expect(second.requests).toHaveLength(25)
})

test('a missing object is missing, unless the route wants the other store asked', async () => {
  const plain = await startTwo()
  plain.second.put('a.ts', 'x')
  expect((await plain.get('/a.ts')).status).toBe(404)
  expect(plain.second.requests).toEqual([])

  const asking = await startTwo({ failoverOnNotFound: true })
  asking.second.put('a.ts', 'x')
  expect((await asking.get('/a.ts')).status).toBe(200)
  expect((await asking.get('/b.ts')).status).toBe(404)
})

test('a first store that may not be listed says 403 of what it does not have, and the second one is asked too', async () => {
  const { first, second, get } = await startTwo({ failoverOnNotFound: true })
  first.onAny((exchange) => exchange.error(403, 'AccessDenied'))
  second.put('a.ts', 'only here')

  expect(String((await get('/a.ts')).body)).toBe('only here')
  expect((await get('/b.ts')).status).toBe(404)
  second.onAny((exchange) => exchange.error(403, 'AccessDenied'))
  expect((await get('/c.ts')).status).toBe(403)
})

test('a first store that refuses our key is not hidden by the second one', async () => {
  const { first, second, records, get } = await startTwo()
  first.onAny((exchange) => exchange.error(403, 'InvalidAccessKeyId'))
  second.put('a.ts', 'x')

  expect((await get('/a.ts')).status).toBe(502)
  expect(second.requests).toEqual([])
  await vi.waitFor(() => expect(records().some(({ code }) => code === 'InvalidAccessKeyId')).toBe(true))
})

test('an old answer of the second store is not revalidated there while the first one is gone', async () => {
  const { first, second, clock, get } = await startTwo()
  first.onAny((exchange) => exchange.reset())
  second.put('a.ts', 'from the copy')
  await get('/a.ts')
  clock.advance(2000)

  expect(String((await get('/a.ts')).body)).toBe('from the copy')
  expect(first.requests.map(({ headers }) => headers['if-none-match'] !== undefined)).toEqual([false, true])
  expect(second.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, undefined])
})
