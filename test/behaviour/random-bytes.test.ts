/** Whatever bytes come in on a connection, the program goes on, and no connection outlives its client. */
import { array, assert, asyncProperty, constantFrom, oneof, record, string, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { hasAnswers, openRaw, request, startShield } from '../support/shield.ts'

const PIECES = [
  'GET ',
  'HEAD ',
  'POST ',
  'OPTIONS * ',
  'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
  '/a.ts',
  '/a.ts?CMCD=sid%3D%22a%22',
  '/%',
  '/..',
  ' HTTP/1.1',
  ' HTTP/1.0',
  '\r\n',
  '\n',
  '\r\n\r\n',
  'Host: x\r\n',
  'Host: \r\n',
  'Range: bytes=0-1,5-\r\n',
  'Range: bytes=--\r\n',
  'If-None-Match: "a", W/"b", "\r\n',
  'If-Range: "\r\n',
  'Accept-Encoding: br;q=0.1, *;q=\r\n',
  'Cache-Control: no-transform="\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close, host\r\n',
  'Connection: upgrade\r\nUpgrade: websocket\r\n',
  'Expect: 100-continue\r\n',
  '5\r\nhello\r\n',
  '0\r\n\r\n',
  'ffffffffffffffff\r\n',
  'GET /a.ts HTTP/1.1\r\nHost: x\r\n\r\n',
]

const piece = oneof(
  { weight: 8, arbitrary: constantFrom(...PIECES).map((text) => Buffer.from(text, 'latin1')) },
  { weight: 1, arbitrary: uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: string({ maxLength: 20 }).map((text) => Buffer.from(text)) },
)

const FIELDS = PIECES.filter((text) => text.includes(': '))

/** Well framed as far as its start, so that what stands in its fields is looked at. */
const almostRequest = record({
  method: constantFrom('GET', 'HEAD', 'OPTIONS', 'DELETE'),
  target: constantFrom('/a.ts', '/a.ts?CMCD=%', '/missing', '/%C3', '/a.ts/..'),
  fields: array(
    oneof(
      constantFrom(...FIELDS),
      string({ maxLength: 20 }).map((value) => `Range: bytes=${value}\r\n`),
    ),
    {
      maxLength: 4,
    },
  ),
}).map(({ method, target, fields }) => Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: x\r\n${fields.join('')}\r\n`))

/** Also splits what is sent into several writes. */
const conversation = oneof(
  array(piece, { minLength: 1, maxLength: 25 }),
  array(oneof({ weight: 4, arbitrary: almostRequest }, { weight: 1, arbitrary: piece }), {
    minLength: 1,
    maxLength: 8,
  }),
)

test('random bytes and almost-requests', async () => {
  const { s3, port, app, logRecords } = await startShield({ log: { access: false } })
  s3.put('a.ts', '0123456789', { 'cache-control': 'max-age=600' })
  await request(port, { path: '/a.ts' })

  await assert(
    asyncProperty(
      array(conversation, { minLength: 1, maxLength: 8 }),
      constantFrom('leave', 'end', 'reset'),
      async (talks, end) => {
        const connections = await Promise.all(talks.map(() => openRaw(port, { allowHalfOpen: true })))
        for (const [index, connection] of connections.entries()) {
          for (const bytes of talks[index] ?? []) connection.write(bytes)
        }
        // All of it was looked at: a request that came later on another connection is answered.
        expect((await request(port, { path: '/a.ts' })).body.toString()).toBe('0123456789')
        for (const { socket } of connections) {
          if (end === 'leave') socket.destroy()
          else if (end === 'reset') socket.resetAndDestroy()
          else socket.end()
        }
        if (end === 'end') await Promise.all(connections.map(({ closed }) => closed))
      },
    ),
    { numRuns: 150, seed: 20_260_101 },
  )

  const last = await openRaw(port)
  last.write('GET /a.ts HTTP/1.1\r\nHost: x\r\n\r\n')
  await last.until(hasAnswers(1))
  last.leave()
  expect(logRecords().filter(({ level }) => level >= 50)).toEqual([])
  expect(s3.requestsFor('a.ts')).toHaveLength(1)
  // Time stands still: this ends only when no connection is left by itself.
  await app.close()
})
