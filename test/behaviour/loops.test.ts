/** Shields that are each other's origin: a request that comes back is answered, and is not sent round again. */
import { expect, onTestFinished, test } from 'vitest'
import { startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { claimPort } from '../support/claimed-port.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { request } from '../support/http-client.ts'
import { startHttpServer } from '../support/http-socket-server.ts'
import { openRaw, parseAnswers, pattern, startShield } from '../support/shield.ts'

type Options = Readonly<Record<string, unknown>>

/** `to`: the routes of a shield whose other side is there. */
type RoutesTo = (to: string) => readonly Options[]

const LOOP = 'The request goes round in a loop\n'
const ANY_METHOD = ['GET', 'HEAD', 'POST', 'PUT']
const CACHED: RoutesTo = () => [{ match: '/**', origin: 'other', methods: ANY_METHOD }]
const PASSED: RoutesTo = (to) => [{ match: '/**', passthrough: to }]

/** A configuration whose origin `other` is at that port. */
function configTo(port: number, toPort: number, routesTo: RoutesTo, origin: Options = {}) {
  const to = `http://127.0.0.1:${toPort}`
  const text = JSON.stringify({
    listen: [{ address: `127.0.0.1:${port}` }],
    origins: { other: { type: 'http', url: to, limits: { requestsPerSecond: 1_000_000_000 }, ...origin } },
    cache: { slice: '64KiB', maxObject: '64KiB' },
    routes: routesTo(to),
  })
  return loadConfig({ text, file: 'shield.yaml' }, {})
}

/** On that port, with retries as they are by default, and a clock that stands still: nothing ends by a timeout. */
async function startOn(port: number, toPort: number, routesTo: RoutesTo) {
  const lines: string[] = []
  const clock = new FakeClock()
  const app = await startApp(configTo(port, toPort, routesTo), {
    clock,
    graceMs: 1000,
    idleGraceMs: 0,
    log: { write: (line) => void lines.push(line) },
    random: () => 0,
  })
  onTestFinished(async () => {
    const closed = app.close()
    clock.advance(1000)
    await closed
  })
  const asked = () => lines.map((line) => JSON.parse(line) as Options).filter(({ msg }) => msg === 'request')
  /** The access records, once there are that many: they are written when the answers have left. */
  const records = async (count: number) => {
    while (asked().length < count) await new Promise((resolve) => setImmediate(resolve))
    return asked()
  }
  return { port, app, records }
}

/** A port until the test is over. */
async function portOfTest(): Promise<number> {
  const claimed = await claimPort()
  onTestFinished(() => claimed.release())
  return claimed.port
}

/** Two shields, each with the other one behind it. */
async function startPair(routesTo: readonly [RoutesTo, RoutesTo]) {
  const [a, b] = [await portOfTest(), await portOfTest()]
  return { first: await startOn(a, b, routesTo[0]), second: await startOn(b, a, routesTo[1]) }
}

test.each<[what: string, routesTo: readonly [RoutesTo, RoutesTo]]>([
  ['cache both', [CACHED, CACHED]],
  ['pass everything through', [PASSED, PASSED]],
  ['cache here and pass through there', [CACHED, PASSED]],
  ['pass through here and cache there', [PASSED, CACHED]],
])('two that %s: a request comes back once and is a 508', async (_, routesTo) => {
  const { first, second } = await startPair(routesTo)
  for (const method of ANY_METHOD) {
    const { status, body, headers } = await request(first.port, { method, path: `/${method}.ts` })

    expect([status, body.toString()]).toEqual([508, method === 'HEAD' ? '' : LOOP])
    expect(headers['cache-control']).toBe('no-store')
  }
  const count = ANY_METHOD.length
  const all = [...(await first.records(2 * count)), ...(await second.records(count))]
  expect(all.map((record) => record['status'])).toEqual(Array.from({ length: 3 * count }, () => 508))
})

test('the access record says what an operator has to look for', async () => {
  const { first } = await startPair([CACHED, CACHED])
  await request(first.port, { path: '/1.ts' })
  const [record] = await first.records(2)
  expect(record).toMatchObject({
    error: 'the request has been here before: an origin leads back to this shield',
  })
})

test('nothing of a loop is kept: once it is mended the object is there', async () => {
  const { first, second } = await startPair([CACHED, CACHED])
  const origin = await startHttpServer()
  onTestFinished(() => origin.close())
  origin.put('/1.ts', pattern(1000))
  expect((await request(first.port, { path: '/1.ts' })).status).toBe(508)
  await second.app.reload(configTo(second.port, origin.port, CACHED))
  const { status, body } = await request(first.port, { path: '/1.ts' })
  expect([status, body.equals(pattern(1000))]).toEqual([200, true])
})

test('a shield that is its own origin asks itself once', async () => {
  const port = await portOfTest()
  const shield = await startOn(port, port, CACHED)
  expect((await request(port, { path: '/1.ts' })).status).toBe(508)
  expect(await shield.records(2)).toHaveLength(2)
})

test('a WebSocket that would lead back to where it came from is a 508', async () => {
  const { first, second } = await startPair([PASSED, PASSED])
  const client = await openRaw(first.port)
  const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${'a'.repeat(22)}==`]
  client.write(`GET /socket HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\nSec-WebSocket-Version: 13\r\n\r\n`)
  const [answer] = parseAnswers(await client.closed)

  expect([answer?.status, answer?.body.toString()]).toEqual([508, LOOP])
  expect(await Promise.all([first.records(2), second.records(1)])).toMatchObject([{ length: 2 }, { length: 1 }])
})

test('Connection does not take away what shows the loop', async () => {
  const { first, second } = await startPair([PASSED, CACHED])
  const { status } = await request(first.port, { path: '/1.ts', headers: { Connection: 'close, via' } })
  expect(status).toBe(508)
  expect(await Promise.all([first.records(2), second.records(1)])).toMatchObject([{ length: 2 }, { length: 1 }])
})

test('many at once for one object end, each with a 508', async () => {
  const { first } = await startPair([CACHED, CACHED])
  const answers = await Promise.all(Array.from({ length: 20 }, () => request(first.port, { path: '/1.ts' })))
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 508))
})

/** A shield in front of a scripted origin, and how it has called itself there. */
async function startNamed() {
  const origin = await startHttpServer()
  onTestFinished(() => origin.close())
  const shield = await startOn(await portOfTest(), origin.port, CACHED)
  origin.put('/name', 'x')
  await request(shield.port, { path: '/name' })
  const name = origin.requests[0]?.fields['via']?.split(' ')[1] ?? ''
  return { ...shield, origin, name }
}

test('a stored answer is given to whoever asks, round a loop or not', async () => {
  const { port, origin, name } = await startNamed()
  const { status, headers } = await request(port, { path: '/name', headers: { Via: `1.1 ${name}` } })
  expect([status, headers['cache-status']]).toEqual([200, expect.stringMatching(/^segment-shield; hit/)])
  expect(origin.requests).toHaveLength(1)
})

test('of a large object nothing is asked for round a loop, though some of it is stored', async () => {
  const { port, origin, name } = await startNamed()
  const bytes = pattern(1_000_000)
  origin.put('/film.mp4', bytes, { ETag: '"1"', 'Cache-Control': 'max-age=60' })
  const first = await request(port, { path: '/film.mp4', headers: { Range: 'bytes=0-99' } })
  const asked = origin.requests.length
  const { status } = await request(port, {
    path: '/film.mp4',
    headers: { Range: 'bytes=500000-500099', Via: `1.1 ${name}` },
  })
  expect([first.status, status, origin.requests.length]).toEqual([206, 508, asked])
  const { body } = await request(port, { path: '/film.mp4', headers: { Range: 'bytes=500000-500099' } })
  expect(body.equals(bytes.subarray(500_000, 500_100))).toBe(true)
})

test.each([
  ['another shield', (name: string) => `1.1 ${name.slice(0, -8)}00000000`],
  ['no shield in particular', () => '1.1 segment-shield'],
  ['a comment that names this one', (name: string) => `1.1 other (${name})`],
])('what has come through %s goes on to the origin', async (_, viaOf) => {
  const { port, origin, name } = await startNamed()
  origin.put('/1.ts', 'good')
  const { status } = await request(port, { path: '/1.ts', headers: { Via: viaOf(name) } })
  expect([status, origin.requests.at(-1)?.fields['via']]).toEqual([200, `${viaOf(name)}, 1.1 ${name}`])
})

test('one shield behind another is no loop, and the origin sees both', async () => {
  const back = await startNamed()
  const front = await startOn(await portOfTest(), back.port, CACHED)
  back.origin.put('/1.ts', 'good')
  expect((await request(front.port, { path: '/1.ts' })).body.toString()).toBe('good')
  const [first, second, ...others] = (back.origin.requests.at(-1)?.fields['via'] ?? '').split(', 1.1 ')
  expect(first).toMatch(/^1\.1 segment-shield-[0-9a-f]{8}$/)
  expect([second, others]).toEqual([back.name, []])
  expect(first).not.toContain(back.name)
})

test('a reload leaves it its name, also where it changes the origin', async () => {
  const { port, app, origin, name } = await startNamed()
  const { kind } = await app.reload(configTo(port, origin.port, CACHED, { pool: { maxSockets: 3 } }))
  origin.put('/2.ts', 'good')
  await request(port, { path: '/2.ts' })
  expect([kind, origin.requests.at(-1)?.fields['via']]).toEqual(['reloaded', `1.1 ${name}`])
})

test('a bucket is asked with fields that are signed, and none of them is Via', async () => {
  const { s3, port } = await startShield()
  s3.put('1.ts', 'good')
  expect((await request(port, { path: '/1.ts', headers: { Via: '1.1 segment-shield-00000000' } })).status).toBe(200)
  expect(s3.requests[0]?.headers['via']).toBeUndefined()
})
