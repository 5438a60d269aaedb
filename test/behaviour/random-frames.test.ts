/** Whatever comes in on a TLS listener, in the open or as HTTP/2 frames, the program goes on and no connection is left. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { array, assert, asyncProperty, constantFrom, integer, oneof, record, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { makeCertificate } from '../support/certificates.ts'
import { openSession, requestOn } from '../support/http2-client.ts'
import { openRaw, type RawConnection, rawOn } from '../support/raw-client.ts'
import { FRAME, fieldBlock, frame, getFrame, uint32 } from '../support/raw-http2.ts'
import { request, startShield } from '../support/shield.ts'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const SETTINGS = frame(FRAME.settings, 0, 0)
const bytesUpTo = (maxLength: number) => uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes))

/** RFC 8446 §5.1: a record that announces what does not follow, an alert, and the opening of a handshake. */
const RECORDS = ['160301ffff01', '15030300020100', '1603010005010000010303', '474554202f20485454502f312e310d0a0d0a']
const tlsBytes = array(
  oneof(
    constantFrom(...RECORDS).map((hex) => Buffer.from(hex, 'hex')),
    bytesUpTo(200),
  ),
  { minLength: 1, maxLength: 4 },
)

const stream = constantFrom(0, 1, 1, 3, 2, 5, 0x7fffffff)
const fields = record({
  ':method': constantFrom('GET', 'HEAD', 'CONNECT', 'get', ''),
  ':path': constantFrom('/a.ts', '/missing', '*', '', '/%', '/a.ts?CMCD=%'),
  ':scheme': constantFrom('https', 'http', ''),
  ':authority': constantFrom('shield', '', 'a b'),
  range: constantFrom('bytes=0-1', 'bytes=--', ''),
  'content-length': constantFrom('0', '5', 'x'),
})
const anyFrame = oneof(
  record({ stream, path: constantFrom('/a.ts', '/missing') }).map((it) => getFrame(it.stream, it.path)),
  record({ stream, fields, flags: integer({ min: 0, max: 255 }) }).map((it) =>
    frame(FRAME.headers, it.flags, it.stream, fieldBlock(it.fields)),
  ),
  record({
    stream,
    type: constantFrom(...Object.values(FRAME), 2, 5, 0x40),
    flags: integer({ min: 0, max: 255 }),
    payload: bytesUpTo(40),
  }).map((it) => frame(it.type, it.flags, it.stream, it.payload)),
  record({ stream, code: integer({ min: 0, max: 20 }) }).map((it) => frame(FRAME.reset, 0, it.stream, uint32(it.code))),
  record({ stream, by: integer({ min: 0, max: 0x7fffffff }) }).map((it) =>
    frame(FRAME.windowUpdate, 0, it.stream, uint32(it.by)),
  ),
  bytesUpTo(30),
)
const talk = record({
  opening: constantFrom(Buffer.concat([PREFACE, SETTINGS]), Buffer.concat([PREFACE, SETTINGS]), PREFACE, SETTINGS),
  frames: array(anyFrame, { maxLength: 12 }),
}).map(({ opening, frames }) => [opening, ...frames])

interface Client {
  readonly connection: RawConnection
  /** What TLS runs on. Node keeps the handle of one that is reset under TLS, so that is done without TLS only. */
  readonly tcp: Socket
}

async function openPlain(port: number): Promise<Client> {
  const connection = await openRaw(port)
  return { connection, tcp: connection.socket }
}

async function openHttp2(port: number): Promise<Client> {
  const tcp = connect({ host: '127.0.0.1', port, noDelay: true })
  tcp.on('error', () => undefined)
  const socket = connectTls({ socket: tcp, ALPNProtocols: ['h2'], rejectUnauthorized: false })
  const connection = rawOn(socket)
  socket.once('close', () => tcp.destroy())
  await once(socket, 'secureConnect')
  return { connection, tcp }
}

test.each([
  { name: 'random bytes in place of a handshake', open: openPlain, talk: tlsBytes, endings: ['leave', 'end', 'reset'] },
  { name: 'random frames of HTTP/2', open: openHttp2, talk, endings: ['leave', 'end'] },
])('$name', { timeout: 60_000 }, async ({ open, talk: conversation, endings }) => {
  const { s3, port, app, logRecords } = await startShield({
    listen: { tls: makeCertificate() },
    log: { access: false },
  })
  s3.put('a.ts', '0123456789', { 'cache-control': 'max-age=600' })
  const session = await openSession(port)
  expect((await requestOn(session, { path: '/a.ts' })).body.toString()).toBe('0123456789')
  const before = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

  await assert(
    asyncProperty(array(conversation, { minLength: 1, maxLength: 4 }), constantFrom(...endings), async (talks, end) => {
      const clients = await Promise.all(talks.map(() => open(port)))
      for (const [index, { connection }] of clients.entries()) {
        for (const bytes of talks[index] ?? []) connection.write(bytes)
      }
      // All of it was looked at: a request that came later on another connection is answered.
      expect((await requestOn(session, { path: '/a.ts' })).body.toString()).toBe('0123456789')
      for (const { connection, tcp } of clients) {
        if (end === 'leave') tcp.destroy()
        else if (end === 'reset') tcp.resetAndDestroy()
        else connection.socket.end()
      }
      // Whoever ended its half has the other half ended by the server, and is not kept.
      await Promise.all(clients.map(({ connection }) => connection.closed))
    }),
    { numRuns: 60, seed: 20_260_102 },
  )

  expect((await request(port, { path: '/a.ts', isSecure: true })).body.toString()).toBe('0123456789')
  expect(logRecords().filter(({ level }) => level >= 50)).toEqual([])
  expect(s3.requestsFor('a.ts')).toHaveLength(1)
  session.destroy()
  // Time stands still: this ends only when no connection is left by itself.
  await app.close()
  expect(process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length).toBeLessThanOrEqual(before)
})
