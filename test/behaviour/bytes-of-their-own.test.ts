/**
 * Every answer has its own bytes and nobody else's, however those of many come over few connections: in small pieces
 * that take turns, kept and passed through, of known and unknown length, whole and in slices, to clients of any pace.
 */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openRequest, type RequestOptions, request } from '../support/http-client.ts'
import { type HttpShieldOptions, startHttpShield } from '../support/http-shield.ts'
import { type HttpHandler, type HttpServer, startHttpServer } from '../support/http-socket-server.ts'
import { randomNumbers } from '../support/random-numbers.ts'
import { startShield, times } from '../support/shield.ts'

interface Asked {
  readonly origin: HttpServer
  readonly port: number
  /** What the origin is asked for, where a client asks for `/name`. */
  target(name: string): string
}

type Options = Required<Pick<HttpShieldOptions, 'cache'>> & { readonly maxSockets: number }
type Kind = 'http' | 'sdk' | 'undici'

async function startAsked(kind: Kind, { cache, maxSockets }: Options): Promise<Asked> {
  const pool = { maxSockets }
  if (kind === 'http') {
    const { origin, port } = await startHttpShield({ cache, origin: { pool } })
    return { origin, port, target: (name) => `/${name}` }
  }
  const origin = await startHttpServer()
  onTestFinished(() => origin.close())
  const { port } = await startShield({ cache, pool, origin: { endpoint: origin.url, transport: kind } })
  return { origin, port, target: (name) => `/media/${name}` }
}

/** What the kernels on both sides, and the shield, can hold of a body that nobody reads. */
const MORE_THAN_BUFFERS = 24 * 1024 * 1024

const turn = async (count: number) => {
  for (let turns = 0; turns < count; turns += 1) await setImmediate()
}

/** Bytes of which no four are the same as four at another place, nor those of another seed at the same one. */
function numbered(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(Math.ceil(length / 4) * 4)
  for (let at = 0; at < length; at += 4)
    bytes.writeUInt32LE((Math.imul(at, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b)) >>> 0, at)
  return bytes.subarray(0, length)
}

type Shape = 'kept' | 'passed' | 'growing' | 'passed, growing' | 'sliced'
const SHAPES: readonly Shape[] = ['kept', 'passed', 'growing', 'passed, growing', 'sliced']

/** The bytes in pieces of up to 3 kB, between which whatever else there is to do is done. */
function inPieces(shape: Shape, bytes: Buffer, random: () => number): HttpHandler {
  const next = () => 1 + Math.floor(random() * 3000)
  if (shape === 'sliced' || shape === 'kept') {
    return async (exchange) => {
      await exchange.answerPart(0)
      const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(exchange.request.fields['range'] ?? '') ?? []
      const end = last === '' ? bytes.length : Number(last) + 1
      for (let at = Number(first); at < end; ) {
        const length = next()
        await exchange.more(length)
        await turn(2)
        at += length
      }
    }
  }
  const cacheControl = shape === 'growing' ? 'max-age=60' : 'no-store'
  const isChunked = shape !== 'passed'
  const framing = isChunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(bytes.length) }
  return async (exchange) => {
    await exchange.head(200, { 'Cache-Control': cacheControl, ...framing })
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + next())
      await (isChunked ? exchange.chunk(piece) : exchange.write(piece))
      await turn(2)
      at += piece.length
    }
    if (isChunked) await exchange.chunk('')
  }
}

/** Reads a little, then not at all for a while, and so on. */
async function slowly(port: number, options: RequestOptions, random: () => number) {
  const answer = await openRequest(port, options)
  let isOver = false
  const ended = answer.ended.finally(() => {
    isOver = true
  })
  while (!isOver) {
    answer.pause()
    await turn(Math.floor(random() * 20))
    answer.resume()
    await turn(1)
  }
  return ended
}

describe.each<Kind>(['http', 'sdk', 'undici'])('of an origin that is asked by %s', (kind) => {
  test('60 different objects at once over 4 connections: each client has what it asked for', async () => {
    const cache = { memory: '64MiB', maxObject: '192KiB', slice: '64KiB' }
    const { origin, port, target } = await startAsked(kind, { cache, maxSockets: 4 })
    const random = randomNumbers(7)
    const objects = times(60, (index) => {
      const shape = SHAPES[index % SHAPES.length] ?? 'kept'
      const length = shape === 'sliced' ? 300_000 : 1 + Math.floor(random() * 60_000)
      const bytes = numbered(length, index)
      const name = `${index}.ts`
      origin.put(target(name), bytes, { 'Cache-Control': 'max-age=60' })
      origin.on(target(name), inPieces(shape, bytes, random))
      return { path: `/${name}`, bytes, half: bytes.length >> 1 }
    })
    const answers = objects.map(async ({ path, bytes, half }, index) => {
      const [whole, part] = await Promise.all([
        index % 3 === 0 ? slowly(port, { path }, random) : request(port, { path }),
        request(port, { path, headers: { Range: `bytes=${half}-` } }),
      ])
      // What is not kept may have no parts.
      const expected = part.status === 206 ? bytes.subarray(half) : bytes
      return [whole.isWhole, whole.body.equals(bytes), part.isWhole, part.body.equals(expected)]
    })
    expect(await Promise.all(answers)).toEqual(times(objects.length, () => [true, true, true, true]))
    for (const { path, bytes } of objects) {
      const { body, isWhole } = await request(port, { path })
      expect([path, isWhole, body.equals(bytes)]).toEqual([path, true, true])
    }
    expect(origin.sockets.peak).toBeLessThanOrEqual(4)
  })

  test('one connection that is used again at once: nothing of one answer is in the next', async () => {
    const { origin, port, target } = await startAsked(kind, { cache: {}, maxSockets: 1 })
    const objects = times(40, (index) => ({
      name: `${index}.ts`,
      bytes: numbered(1 + ((index * 7919) % 90_000), index),
    }))
    for (const [index, { name, bytes }] of objects.entries()) {
      origin.put(target(name), bytes, { 'Cache-Control': index % 2 === 0 ? 'no-store' : 'max-age=60' })
    }
    const answers = await Promise.all(objects.map(({ name }) => request(port, { path: `/${name}` })))

    expect(answers.map(({ body }, index) => body.equals(objects[index]?.bytes ?? Buffer.alloc(0)))).toEqual(
      times(objects.length, () => true),
    )
    expect(origin.sockets.opened).toBe(1)
  })

  test('an answer that is passed through, held back by its client half way, goes on where it was', async () => {
    const { origin, port, target } = await startAsked(kind, { cache: {}, maxSockets: 2 })
    const bytes = numbered(MORE_THAN_BUFFERS)
    let sentBytes = 0
    origin.on(target('large'), async (exchange) => {
      await exchange.head(200, { 'Cache-Control': 'no-store', 'Content-Length': String(bytes.length) })
      const random = randomNumbers(3)
      for (; sentBytes < bytes.length; ) {
        const piece = bytes.subarray(sentBytes, sentBytes + 1 + Math.floor(random() * 40_000))
        await exchange.write(piece)
        // Each is read by itself, and many of them while the client does not read.
        await turn(2)
        sentBytes += piece.length
      }
    })
    const large = await openRequest(port, { path: '/large' })
    await large.receivedBytes(1)
    large.pause()
    for (let [before, turns] = [-1, 0]; turns < 50; turns += 1) {
      await setImmediate()
      if (sentBytes > before) [before, turns] = [sentBytes, 0]
    }
    expect(sentBytes).toBeLessThan(bytes.length)
    const small = numbered(100_000, 2)
    origin.put(target('small'), small)
    expect((await request(port, { path: '/small' })).body.equals(small)).toBe(true)
    large.resume()
    const { body, isWhole } = await large.ended

    expect([isWhole, body.equals(bytes)]).toEqual([true, true])
  })

  test.each([10, 50_000])(
    'an answer of %i bytes with another one behind it in the same packet: nobody gets the other one',
    async (length) => {
      const { origin, port, target } = await startAsked(kind, { cache: {}, maxSockets: 1 })
      const [mine, next] = [numbered(length, 1), numbered(length, 2)]
      const head = (cacheControl: string) =>
        `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nCache-Control: ${cacheControl}\r\nETag: "1"\r\n\r\n`
      for (const [kept, cacheControl] of Object.entries({ kept: 'max-age=60', passed: 'no-store' })) {
        const other = Buffer.concat([Buffer.from(head('max-age=60')), Buffer.alloc(length, 'evil')])
        const packet = Buffer.concat([Buffer.from(head(cacheControl)), mine, other])
        origin.on(target(`mine-${kept}`), ({ write }) => write(packet))
        origin.put(target(`next-${kept}`), next)
        const [first, second] = await Promise.all([
          request(port, { path: `/mine-${kept}` }),
          request(port, { path: `/next-${kept}` }),
        ])
        expect([first.isWhole, first.body.equals(mine)]).toEqual([true, true])
        expect([second.isWhole, second.body.equals(next)]).toEqual([true, true])
      }
    },
  )

  test('bytes that come on a connection nobody uses end it, and are in nobody’s answer', async () => {
    const { origin, port, target } = await startAsked(kind, { cache: {}, maxSockets: 1 })
    const [mine, next] = [numbered(30_000, 1), numbered(30_000, 2)]
    origin.put(target('next'), next)
    let sendMore = (): Promise<void> => Promise.reject(new Error('the origin was not asked'))
    origin.on(target('mine'), async ({ send, write }) => {
      sendMore = () => write(`HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n${'evil'.repeat(7500)}`)
      await send({ body: mine, fields: { 'Cache-Control': 'max-age=60' } })
    })
    const first = await request(port, { path: '/mine' })
    await sendMore()
    await origin.socketsAtMost(0)
    const second = await request(port, { path: '/next' })

    expect([first.body.equals(mine), second.body.equals(next)]).toEqual([true, true])
    expect(origin.sockets.opened).toBe(2)
  })
})
