/** Fields of a stored object cannot end their line early: what an uploader wrote never becomes a header or a body. */
import { expect, test } from 'vitest'
import { expectUnharmed, hasAnswers, parseAnswers, rawExchange, request, startShield } from '../support/shield.ts'

/** Field lines as a store with a fault of its own might write them. */
const LINES: Readonly<Record<string, string>> = {
  'a bare carriage return': 'Content-Disposition: a\rX-Injected: 1',
  'a bare line feed': 'Content-Disposition: a\nX-Injected: 1',
  'a NUL': 'Content-Disposition: a\0b',
  'a fold': 'Content-Disposition: a\r\n X-Injected: 1',
  'two ends of line': 'Content-Disposition: a\r\n\r\nHTTP/1.1 200 OK\r\nX-Injected: 1',
  'a name that is none': 'X Injected: 1',
}

test.each(Object.entries(LINES))('%s in a field reaches no client as a line of its own', async (_, line) => {
  const shield = await startShield()
  shield.s3.on('a.ts', (exchange) => {
    exchange.response.socket?.end(
      `HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: "v1"\r\n${line}\r\nConnection: close\r\n\r\nabc`,
      'latin1',
    )
  })
  const asked = 'GET /a.ts HTTP/1.1\r\nHost: x\r\n\r\n'

  for (const pass of ['cold', 'warm']) {
    const received = await rawExchange(shield.port, asked, hasAnswers(1))
    const [answer, ...more] = parseAnswers(received)
    expect([pass, more.length]).toEqual([pass, 0])
    expect([200, 502]).toContain(answer?.status)
    expect(answer?.rawHeaders.map(([name]) => name.toLowerCase())).not.toContain('x-injected')
    expect(answer?.rawHeaders.flat().join('')).not.toMatch(/[\0\r\n]/)
  }
  await expectUnharmed(shield, shield.s3.requests.length)
})

test('escapes in stored fields stay escapes', async () => {
  const { s3, port } = await startShield()
  const disposition = 'attachment; filename="%0d%0aX-Injected: 1"'
  s3.put('a.ts', 'x', { 'content-disposition': disposition })

  for (const _ of ['miss', 'hit']) {
    const { headers } = await request(port, { path: '/a.ts' })
    expect([headers['content-disposition'], headers['x-injected']]).toEqual([disposition, undefined])
  }
})

test('line breaks in an object’s name come up in no field of its answers', async () => {
  const { s3, port } = await startShield()
  s3.put('a\r\nX-Injected: 1', 'x')

  for (const headers of [{}, { Range: 'bytes=0-0' }, { Range: 'bytes=9-' }, { 'If-Match': '"other"' }]) {
    const answer = await request(port, { path: '/a%0d%0aX-Injected:%201', headers })
    expect(answer.headers['x-injected']).toBeUndefined()
  }
  expect((await request(port, { path: '/missing%0d%0aX-Injected:%201' })).headers['x-injected']).toBeUndefined()
})
