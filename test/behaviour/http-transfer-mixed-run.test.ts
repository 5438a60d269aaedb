/**
 * Hundreds of requests of every kind against an HTTP origin that fails in every way and changes its objects meanwhile,
 * by a seed: a whole answer is one version of its object, a cut one is seen to be cut, and all that was lent comes back.
 *
 * A seed fixes what is asked, in which order, and how the origin meets each request; it does not fix which of two
 * sockets is served first.
 */
import { expect, test } from 'vitest'
import type { HttpExchange } from '../support/http-socket-server.ts'
import { type Packager, startPackager } from '../support/packager.ts'
import { randomNumbers } from '../support/random-numbers.ts'
import { type Answer, openRequest, pattern, request, takenRequest, times } from '../support/shield.ts'

const REQUESTS = 400
const AT_ONCE = 20
const MEMORY_BYTES = 2 * 1024 ** 2
const SIZES = [0, 1, 777, 50_000, 120_000, 250_000, 900_000]
const LIFETIMES = ['max-age=600', 'max-age=5', 'no-cache', 'no-store', undefined]
const LANGUAGES = ['de', 'en']
const FRAMINGS = ['length', 'length', 'length', 'chunked', 'close'] as const

interface Version {
  readonly etag: string
  readonly bytes: Buffer
}

/** One object: all it has ever been, and how its origin speaks of it. */
interface Film {
  readonly path: string
  readonly size: number
  readonly versions: Version[]
  readonly lifetime: string | undefined
  readonly isWeak: boolean
  readonly isVaried: boolean
}

interface Asked {
  readonly film: Film
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly range: { readonly field: string; readonly first: number; readonly last: number } | undefined
  readonly condition: 'matches' | 'differs' | undefined
  readonly isAuthorized: boolean
  readonly language: string
  readonly leavesAt: number | 'taken' | undefined
  readonly advanceMs: number
  readonly changes: boolean
}

/** Every version and language has bytes of its own. */
function bytesOf({ isVaried }: Film, version: Version, language: string): Buffer {
  const turn = isVaried ? 1 + LANGUAGES.indexOf(language) : 0
  return turn === 0 ? version.bytes : Buffer.from(version.bytes.map((byte) => byte ^ (turn * 37)))
}

function addVersion(film: Film, seed: number): void {
  const etag = `${film.isWeak ? 'W/' : ''}"${film.path.slice(1)}-${film.versions.length}"`
  film.versions.push({ etag, bytes: pattern(film.size, seed + film.versions.length * 13) })
}

function draw(random: () => number, films: readonly Film[]): Asked {
  const below = (limit: number) => Math.floor(random() * limit)
  const film = films[below(films.length)]
  if (film === undefined) throw new Error('no film')
  const { size } = film
  const first = below(size)
  const last = Math.min(size - 1, first + below(size))
  const kind = below(8)
  const range =
    size === 0 || kind > 3
      ? undefined
      : kind === 0
        ? { field: `bytes=${first}-`, first, last: size - 1 }
        : kind === 1
          ? { field: `bytes=-${size - first}`, first, last: size - 1 }
          : { field: `bytes=${first}-${last}`, first, last }
  const method = below(12) === 0 ? 'POST' : below(8) === 0 ? 'HEAD' : 'GET'
  return {
    film,
    method,
    range,
    condition: below(8) === 0 ? 'matches' : below(8) === 0 ? 'differs' : undefined,
    isAuthorized: below(10) === 0,
    language: LANGUAGES[below(2)] ?? 'de',
    leavesAt: below(6) === 0 ? below(size + 1) : below(20) === 0 ? 'taken' : undefined,
    advanceMs: below(5) === 0 ? below(16_000) : 0,
    changes: below(20) === 0,
  }
}

/** The ordinary answer of the newest version, with ranges and conditions where they are due. */
async function answer(exchange: HttpExchange, film: Film, framing: (typeof FRAMINGS)[number], cutAt?: number) {
  const { fields: asked, method } = exchange.request
  const version = film.versions.at(-1)
  if (version === undefined) throw new Error('no version')
  const bytes = bytesOf(film, version, asked['accept-language'] ?? 'de')
  const fields = {
    ETag: version.etag,
    'Cache-Control': film.lifetime,
    Vary: film.isVaried ? 'Accept-Language' : undefined,
  }
  if (asked['if-match'] !== undefined && (film.isWeak || asked['if-match'] !== version.etag)) {
    return exchange.send({ status: 412, fields })
  }
  if (asked['if-none-match'] === version.etag) return exchange.send({ status: 304, fields, framing: 'none' })
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(asked['range'] ?? '') ?? []
  const isPart = from + to !== '' && method === 'GET'
  const first = from === '' ? Math.max(0, bytes.length - Number(to)) : Number(from)
  const last = from === '' || to === '' ? bytes.length - 1 : Math.min(bytes.length - 1, Number(to))
  if (isPart && first >= bytes.length) {
    return exchange.send({ status: 416, fields: { ...fields, 'Content-Range': `bytes */${bytes.length}` } })
  }
  const body = isPart ? bytes.subarray(first, last + 1) : bytes
  const head = isPart ? { ...fields, 'Content-Range': `bytes ${first}-${last}/${bytes.length}` } : fields
  const status = isPart ? 206 : 200
  if (cutAt === undefined || method === 'HEAD') return exchange.send({ status, fields: head, body, framing })
  await exchange.head(status, { ...head, 'Content-Length': String(body.length) })
  await exchange.write(body.subarray(0, Math.min(cutAt, body.length - 1)))
}

/** Two of three answers are as they should be. */
async function meet(exchange: HttpExchange, film: Film, random: () => number): Promise<unknown> {
  const { request: asked } = exchange
  if (asked.method === 'POST') await asked.content
  const framing = FRAMINGS[Math.floor(random() * FRAMINGS.length)] ?? 'length'
  const drawn = random()
  if (asked.method === 'POST') return drawn < 0.7 ? exchange.send({ body: 'done' }) : exchange.reset()
  if (drawn < 0.05) await exchange.interim(103, { Link: '</a>' })
  if (drawn < 0.66) return answer(exchange, film, framing)
  if (drawn < 0.71) return exchange.reset()
  if (drawn < 0.75) return exchange.send({ status: 503, fields: { 'Retry-After': '1' }, body: 'later' })
  if (drawn < 0.79) return exchange.send({ status: 500, body: 'no' })
  // Says nothing until the program gives up.
  if (drawn < 0.82) return undefined
  // A connection that has been ended cannot be reset any more.
  await answer(exchange, film, 'length', Math.floor(random() * (film.size + 1)))
  if (drawn < 0.9) return exchange.reset()
  // The rest stalls, or ends too early.
  return drawn < 0.93 ? undefined : exchange.cut()
}

/** One version, and one language, that these bytes are a part of. */
function expectFrom(asked: Asked, { status, headers, body, isWhole }: Answer): void {
  const { film, range, language, method } = asked
  const version = film.versions.find(({ etag }) => etag === headers['etag'])
  if (version === undefined) throw new Error(`no version ${headers['etag']}`)
  const all = bytesOf(film, version, language)
  const part = status === 206 && range !== undefined ? all.subarray(range.first, range.last + 1) : all
  if (status === 206) {
    expect(headers['content-range']).toBe(`bytes ${range?.first}-${range?.last}/${all.length}`)
  }
  const expected = method === 'HEAD' ? Buffer.alloc(0) : part
  expect(body.equals(isWhole ? expected : expected.subarray(0, body.length))).toBe(true)
}

function expectRight(asked: Asked, answered: Answer): void {
  const { status, headers, body } = answered
  expect(headers['link']).toBeUndefined()
  if (asked.method === 'POST') {
    expect([200, 502, 503, 504]).toContain(status)
    return
  }
  switch (status) {
    case 200:
    case 206:
      expectFrom(asked, answered)
      break
    case 304:
      expect(asked.condition).toBe('matches')
      expect(body.length).toBe(0)
      break
    case 416:
      expect(asked.range).toBeDefined()
      break
    default:
      expect([412, 500, 502, 503, 504]).toContain(status)
      expect(body.length).toBeLessThan(100)
  }
}

async function perform({ port, clock }: Packager, asked: Asked): Promise<'answered' | 'left' | 'cut'> {
  const { film, method, range, condition, isAuthorized, language, leavesAt } = asked
  const newest = film.versions.at(-1)?.etag ?? ''
  if (asked.changes) addVersion(film, film.size)
  if (asked.advanceMs > 0) clock.advance(asked.advanceMs)
  const options = {
    path: film.path,
    method,
    headers: {
      'Accept-Language': language,
      ...(range && { Range: range.field }),
      ...(condition && { 'If-None-Match': condition === 'matches' ? newest : '"another"' }),
      ...(isAuthorized && { Authorization: 'Basic abc' }),
      ...(method === 'POST' && { 'Content-Length': '5' }),
    },
    ...(method === 'POST' && { body: 'hello' }),
  }
  if (leavesAt === 'taken' && method !== 'POST') {
    const client = await takenRequest(port, options)
    client.leave()
    return 'left'
  }
  const client = await openRequest(port, options)
  if (typeof leavesAt === 'number') {
    await client.receivedBytes(leavesAt)
    client.leave()
  }
  const answered = await client.ended
  expectRight(asked, answered)
  return typeof leavesAt === 'number' ? 'left' : answered.isWhole ? 'answered' : 'cut'
}

/** Everything lent out is back: no request under way, every object to be had, all the memory free for new ones. */
async function expectAtRest(packager: Packager, films: readonly Film[]): Promise<void> {
  const { origin, port, atRest } = packager
  origin.onAny((exchange) => {
    const film = films.find(({ path }) => path === exchange.request.target)
    return film === undefined ? exchange.answer() : answer(exchange, film, 'length')
  })
  await atRest()
  await origin.socketsAtMost(0)
  for (const film of films) {
    for (const language of LANGUAGES) {
      const answered = await request(port, { path: film.path, headers: { 'Accept-Language': language } })
      expect([film.path, answered.status, answered.isWhole]).toEqual([film.path, 200, true])
      expectFrom({ film, language, range: undefined, method: 'GET' } as Asked, answered)
    }
  }
  await atRest()
  await origin.socketsAtMost(0)
  // These fill the memory but for less than the smallest fill takes: one that leaked would cost one its place.
  // What was used least recently makes way for them, whatever it is.
  const paths = times(8, (index) => `/rest/${index}.ts`)
  for (const [index, path] of paths.entries()) origin.put(path, pattern(MEMORY_BYTES / 8 - 2048, index))
  for (const path of paths) await request(port, { path })
  for (const path of paths) {
    const hit = await request(port, { path })
    expect([path, hit.headers['cache-status']]).toEqual([path, expect.stringMatching(/^segment-shield; hit/)])
  }
}

test.each([1, 2, 3, 20_261])('seed %i: nothing is mixed, cut unseen or lost', { timeout: 60_000 }, async (seed) => {
  const packager = await startPackager({
    routes: [{ match: '/**', methods: ['GET', 'HEAD', 'POST'], staleIfError: '60s', staleWhileRevalidate: '2s' }],
    cache: { memory: '2MiB', policy: 'lru', maxObject: '256KiB', slice: '64KiB' },
    pool: { maxSockets: 8, maxFreeSockets: 0, maxQueued: 15 },
  })
  const { origin, clock } = packager
  const random = randomNumbers(seed)
  const films = SIZES.flatMap((size, index) =>
    LIFETIMES.map((lifetime, nth): Film => {
      const isVaried = (index + nth) % 3 === 0
      return { path: `/${index}-${nth}.ts`, size, versions: [], lifetime, isWeak: (index + nth) % 4 === 1, isVaried }
    }),
  )
  for (const film of films) addVersion(film, film.size)
  origin.onAny((exchange) => {
    const { target } = exchange.request
    const film = films.find(({ path }) => path === target)
    if (film === undefined) throw new Error(`nobody asked for ${target}`)
    const ofThisOne = [...`${target} ${exchange.nth}`].reduce(
      (hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16_777_619),
      seed,
    )
    return meet(exchange, film, randomNumbers(ofThisOne))
  })

  const waiting = times(REQUESTS, () => draw(random, films))
  const outcomes = { answered: 0, left: 0, cut: 0 }
  let clientsLeft = AT_ONCE
  const clients = times(AT_ONCE, async () => {
    for (let asked = waiting.shift(); asked !== undefined; asked = waiting.shift()) {
      try {
        outcomes[await perform(packager, asked)] += 1
      } catch (error) {
        const { film, ...others } = asked
        throw new Error(`seed ${seed}: ${film.path} ${JSON.stringify(others)}`, { cause: error })
      }
    }
    clientsLeft -= 1
  })
  // Whatever stalls is given up in time, and time passes as the program goes round.
  const passing = (async () => {
    while (clientsLeft > 0) {
      await packager.state()
      clock.advance(500)
    }
  })()
  await Promise.all(clients)
  await passing
  // What was begun for those who have left comes to its end as well.
  for (let nth = 0; nth < 100; nth += 1) {
    await packager.state()
    clock.advance(1000)
  }
  // The run was worth its name.
  expect(outcomes.answered).toBeGreaterThan(REQUESTS / 2)
  expect(outcomes.left).toBeGreaterThan(10)
  await expectAtRest(packager, films)
})
