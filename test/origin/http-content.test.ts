import { PassThrough, Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { NotConnectedError } from '../../src/origin/failure.ts'
import { claimPort } from '../support/claimed-port.ts'
import { gate } from '../support/http-socket-server.ts'
import { bytesOf, failure, pattern } from './fixture.ts'
import { expectNothingHeld, expectWell, startHttpOrigin } from './http-fixture.ts'

/** More than the kernels on both sides, and we, take of a content that nobody reads. */
const MORE_THAN_BUFFERS = 32 * 1024 * 1024
const CHUNK = Buffer.alloc(64 * 1024)

const closeOf = (stream: Readable) => new Promise((resolve) => stream.once('close', resolve))

describe('content', () => {
  test.each([
    ['with the length that was announced', ['Content-Length', '500000'], { 'content-length': '500000' }],
    ['in chunks where none was', ['X', '1'], { 'transfer-encoding': 'chunked' }],
    [
      'in chunks where two were',
      ['Content-Length', '1', 'content-length', '500000'],
      { 'transfer-encoding': 'chunked' },
    ],
  ])('goes up whole, %s', async (_, fields, framing) => {
    const fixture = await startHttpOrigin()
    const bytes = pattern(500_000)
    fixture.server.on('/a', async ({ request, send }) => send({ status: 201, body: await request.content }))
    const response = await fixture.fetch('a', { method: 'POST', fields, content: Readable.from([bytes]) })

    expect(response.status).toBe(201)
    expect((await bytesOf(response)).equals(bytes)).toBe(true)
    expect(fixture.server.requests[0]?.fields).toMatchObject(framing)
    await expectWell(fixture)
    expect(fixture.server.sockets.opened).toBe(1)
  })

  test('goes up piece by piece, as it comes', async () => {
    const { server, fetch } = await startHttpOrigin()
    const content = new PassThrough()
    server.on('/a', async ({ request, send }) => send({ body: await request.content }))
    const fetched = fetch('a', { method: 'POST', content })
    content.write('one')
    await server.received(1)
    await server.requests[0]?.contentAtLeast(3)
    content.end('two')
    expect((await bytesOf(await fetched)).toString()).toBe('onetwo')
  })

  test('an unsafe method without any says so', async () => {
    const { server, fetch } = await startHttpOrigin()
    await fetch('a', { method: 'POST' })
    expect(server.requests[0]?.fields['content-length']).toBe('0')
  })

  test('is held back by an origin that does not read it', async () => {
    const fixture = await startHttpOrigin()
    const reading = gate()
    fixture.server.on('/a', async (exchange) => {
      exchange.pauseReading()
      await reading.opened
      // What is gone is not noticed by who does not read.
      exchange.resumeReading()
    })
    let givenBytes = 0
    const content = new Readable({
      read() {
        givenBytes += CHUNK.length
        this.push(givenBytes > MORE_THAN_BUFFERS ? null : CHUNK)
      },
    })
    const controller = new AbortController()
    const fetched = failure(fixture.fetch('a', { method: 'PUT', content, signal: controller.signal }), 'aborted')
    await fixture.server.received(1)
    let before = -1
    while (before !== givenBytes) {
      before = givenBytes
      await new Promise((resolve) => setImmediate(resolve))
    }

    expect(givenBytes).toBeLessThan(MORE_THAN_BUFFERS)
    controller.abort()
    await fetched
    expect(content.destroyed).toBe(false)
    reading.open()
    await expectNothingHeld(fixture)
  })

  test.each(['fails', 'ends too early'])(
    'that %s ends the request, and the origin does not take it for whole',
    async (how) => {
      const fixture = await startHttpOrigin()
      const content = new PassThrough()
      fixture.server.on('/a', () => undefined)
      const fetched = failure(fixture.fetch('a', { method: 'POST', content }), 'aborted')
      content.write('half')
      await fixture.server.received(1)
      await fixture.server.requests[0]?.contentAtLeast(4)
      content.destroy(how === 'fails' ? new Error('the client left') : undefined)

      await fetched
      await expect(fixture.server.requests[0]?.content).rejects.toThrow('after 4 bytes')
      await expectNothingHeld(fixture)
    },
  )

  test('that has failed before it was asked for ends the request', async () => {
    const fixture = await startHttpOrigin()
    const content = new PassThrough()
    content.on('error', () => undefined)
    content.destroy(new Error('the client left'))
    await closeOf(content)
    await failure(fixture.fetch('a', { method: 'POST', content }), 'aborted')
    await expectNothingHeld(fixture)
  })

  test('is left where it stands, not destroyed, when the origin dies', async () => {
    const fixture = await startHttpOrigin()
    const content = new PassThrough()
    fixture.server.on('/a', async (exchange) => {
      await exchange.request.contentAtLeast(4)
      exchange.reset()
    })
    const fetched = failure(fixture.fetch('a', { method: 'POST', content }), 'unreachable')
    content.write('half')

    await fetched
    expect([content.destroyed, content.listenerCount('data'), content.isPaused()]).toEqual([false, 0, true])
    content.destroy(new Error('nobody listens to this'))
    await closeOf(content)
    await expectNothingHeld(fixture)
  })

  test('need not have gone up whole for an answer', async () => {
    const fixture = await startHttpOrigin()
    const content = new PassThrough()
    fixture.server.on('/a', (exchange) => exchange.send({ status: 413, body: 'too much' }))
    const fetched = fixture.fetch('a', { method: 'POST', content })
    content.write('half')
    const response = await fetched

    expect([response.status, (await bytesOf(response)).toString()]).toEqual([413, 'too much'])
    expect(content.destroyed).toBe(false)
    await expectNothingHeld(fixture)
    content.destroy()
  })

  test('is untouched when no connection could be made', async () => {
    const port = await claimPort()
    const fixture = await startHttpOrigin({ url: `http://127.0.0.1:${port.port}` })
    const content = Readable.from([Buffer.from('whole')])
    const error = await failure(fixture.fetch('a', { method: 'POST', content }), 'unreachable')
    port.release()

    expect(error).toBeInstanceOf(NotConnectedError)
    expect([content.listenerCount('close'), content.listenerCount('data')]).toEqual([0, 0])
    expect(Buffer.concat(await content.toArray()).toString()).toBe('whole')
  })

  test('each piece of it puts the response timeout off', async () => {
    const { server, clock, fetch } = await startHttpOrigin()
    const content = new PassThrough()
    server.on('/a', async ({ request, send }) => send({ body: await request.content }))
    const fetched = fetch('a', { method: 'POST', content })
    for (let bytes = 1; bytes <= 3; bytes += 1) {
      content.write('x')
      await server.received(1)
      await server.requests[0]?.contentAtLeast(bytes)
      clock.advance(29_999)
    }
    content.end()
    expect((await bytesOf(await fetched)).toString()).toBe('xxx')
  })
})
