/** The end of the program finds connections over TLS in every state, and finishes what can be finished. */
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect } from 'node:tls'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeCertificate } from '../support/certificates.ts'
import { OVER_TLS, openOn, openSession, requestOn } from '../support/http2-client.ts'
import { END_STREAM, FRAME, frame, getFrame, NO_ERROR, openRawHttp2, uint32 } from '../support/raw-http2.ts'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { pattern, startShield } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`
const BYTES = pattern(300_000)

async function halfWay() {
  const shield = await startShield({ listen: { tls: makeCertificate() }, pool: { maxFreeSockets: 0 } })
  shield.s3.put(KEY, BYTES)
  const rest = gate()
  shield.s3.on(KEY, pausedAfter(1000, rest))
  return { ...shield, finish: rest.open }
}

test('with nothing under way it is over at once, whatever connections there are', async () => {
  const { app, port, s3, clock } = await halfWay()
  s3.put('a.ts', 'a')
  const session = await openSession(port)
  expect((await requestOn(session, { path: '/a.ts' })).status).toBe(200)
  const idle = await openSession(port)
  await app.close()
  expect([session.destroyed || session.closed, idle.destroyed || idle.closed]).toEqual([true, true])
  await vi.waitFor(() => expect(clock.pending).toBe(0))
})

test.each(OVER_TLS)('$name: an answer under way is finished, and then no connection is left', async ({ open }) => {
  const { app, port, finish, clock } = await halfWay()
  const client = await open(port, { path: PATH })
  await client.receivedBytes(1000)
  const closed = app.close()
  finish()
  const { isWhole, body } = await client.ended
  expect([isWhole, body.equals(BYTES)]).toEqual([true, true])
  await closed
  await vi.waitFor(() => expect(clock.pending).toBe(0))
})

test.each(OVER_TLS)('$name: what has not ended within the grace time is cut', async ({ open }) => {
  const { app, port, clock } = await halfWay()
  const client = await open(port, { path: PATH })
  await client.receivedBytes(1000)
  const closed = app.close()
  clock.advance(1000)
  const { isWhole, body } = await client.ended
  expect([isWhole, body.length]).toEqual([false, 1000])
  await closed
  await vi.waitFor(() => expect(clock.pending).toBe(0))
})

test('HTTP/2 is told which request is the last, that one is finished, and a later one goes unanswered', async () => {
  const { app, port, finish, s3 } = await halfWay()
  s3.put('2.ts', 'second')
  const client = await openRawHttp2(port)
  client.send(
    getFrame(1, PATH),
    frame(FRAME.windowUpdate, 0, 0, uint32(1e6)),
    frame(FRAME.windowUpdate, 0, 1, uint32(1e6)),
  )
  await client.frame(({ type, stream }) => type === FRAME.data && stream === 1)
  const closed = app.close()
  const goaway = await client.frame(({ type }) => type === FRAME.goaway)
  expect([goaway?.payload.readUInt32BE(0), goaway?.payload.readUInt32BE(4)]).toEqual([1, NO_ERROR])
  client.send(getFrame(3, '/2.ts'))
  finish()
  const frames = await client.closed
  expect(frames.filter(({ stream }) => stream === 3)).toEqual([])
  const answer = frames.filter(({ type, stream }) => type === FRAME.data && stream === 1)
  expect(Buffer.concat(answer.map(({ payload }) => payload)).equals(BYTES)).toBe(true)
  expect(answer.map(({ flags }) => flags & END_STREAM).filter(Boolean)).toHaveLength(1)
  await closed
})

test('one who never finishes the handshake holds nothing up beyond the grace time', async () => {
  const { app, port, clock } = await halfWay()
  const silent = connectTcp({ host: '127.0.0.1', port })
  onTestFinished(() => void silent.destroy())
  await once(silent, 'connect')
  const secure = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(secure, 'secureConnect')
  secure.on('error', () => undefined)
  const closed = app.close()
  clock.advance(1000)
  await closed
})

test('one who comes and goes before the handshake leaves nothing behind', async () => {
  const { app, port } = await halfWay()
  const hasty = connectTcp({ host: '127.0.0.1', port })
  await once(hasty, 'connect')
  hasty.end()
  await once(hasty.resume(), 'close')
  const session = await openSession(port)
  expect((await openOn(session, { path: '/none.ts' })).status).toBe(404)
  session.close()
  await app.close()
})
