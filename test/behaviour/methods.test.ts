/** GET and HEAD are served, OPTIONS is answered here, and every other method is refused without asking an origin. */
import { expect, test } from 'vitest'
import { expectUnharmed, openRaw, parseAnswers, rawExchange, request, startShield } from '../support/shield.ts'

const ALLOW = 'GET, HEAD, OPTIONS'

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'TRACE', 'PURGE', 'QUERY', 'LINK'])(
  '%s is a 405 that names what is allowed, with or without a body',
  async (method) => {
    const shield = await startShield()
    shield.s3.put('a.ts', 'x')

    for (const body of [undefined, 'some bytes', Buffer.alloc(300_000)]) {
      const answer = await request(shield.port, { method, path: '/a.ts', ...(body && { body }) })
      expect([answer.status, answer.headers['allow'], answer.headers['cache-control'], answer.body.toString()]).toEqual(
        [405, ALLOW, 'no-store', 'Method not allowed\n'],
      )
    }
    await expectUnharmed(shield)
  },
)

test('OPTIONS is a 204 that names what is allowed, without asking the origin', async () => {
  const shield = await startShield()

  const { status, headers, body } = await request(shield.port, { method: 'OPTIONS', path: '/a.ts' })

  expect([status, headers['allow'], headers['content-length'], body.length]).toEqual([204, ALLOW, undefined, 0])
  await expectUnharmed(shield)
})

test('a word that is no method is a 400', async () => {
  const shield = await startShield()
  for (const method of ['FOO', 'get', 'GETGET', 'G\u00c9T', '"GET"', '']) {
    const received = await rawExchange(shield.port, `${method} /a.ts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect(parseAnswers(received).map(({ status }) => [method, status])).toEqual([[method, 400]])
  }
  await expectUnharmed(shield)
})

test('CONNECT is a 405, and what is sent through the tunnel that is not there is nobody’s request', async () => {
  const shield = await startShield()
  shield.s3.put('secret', 'SECRET')

  const received = await rawExchange(
    shield.port,
    'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\nGET /secret HTTP/1.1\r\nHost: x\r\n\r\n',
  )

  expect(parseAnswers(received).map(({ status, headers }) => [status, headers['allow']])).toEqual([[405, ALLOW]])
  await expectUnharmed(shield)
})

test('a client that resets its connection right after CONNECT harms nobody', async () => {
  const shield = await startShield()
  for (const waits of [false, true]) {
    const connection = await openRaw(shield.port)
    connection.write('CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n')
    if (waits) await connection.until((received) => received.length > 0)
    connection.socket.resetAndDestroy()
    await connection.closed
  }
  await expectUnharmed(shield)
})

test('a client that asks for a tunnel and stays does not keep the program from ending', async () => {
  const shield = await startShield()
  const connection = await openRaw(shield.port, { allowHalfOpen: true })
  connection.write('CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n')
  await connection.until((received) => received.includes('405'))

  await shield.close()

  expect(connection.received().toString()).toContain('HTTP/1.1 405 ')
  connection.leave()
})

test('a request to change protocols is answered as if it had not asked', async () => {
  const shield = await startShield()
  shield.s3.put('a.ts', 'x')

  for (const protocol of ['websocket', 'h2c', 'TLS/1.0']) {
    const connection = await openRaw(shield.port)
    const upgrade = `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n`
    connection.write(`GET /a.ts HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`)
    await connection.until((received) => received.includes('\r\n\r\nx'))
    // The connection goes on as it was.
    connection.write('GET /a.ts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const answers = parseAnswers(await connection.closed)
    expect(answers.map(({ status, body, headers }) => [status, body.toString(), headers['upgrade']])).toEqual([
      [200, 'x', undefined],
      [200, 'x', undefined],
    ])
  }
  await expectUnharmed(shield, 1)
})

test('a GET with a body is answered, and its body is not taken for another request', async () => {
  const shield = await startShield()
  shield.s3.put('a.ts', 'x')
  shield.s3.put('secret', 'SECRET')
  const inner = 'GET /secret HTTP/1.1\r\nHost: x\r\n\r\n'
  const framings = [
    `Content-Length: ${inner.length}\r\n\r\n${inner}`,
    `Transfer-Encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
  ]

  for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
    for (const framing of framings) {
      const received = await rawExchange(
        shield.port,
        `${method} /a.ts HTTP/1.1\r\nHost: x\r\n${framing}GET /a.ts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      )
      const answers = parseAnswers(received, [method, 'GET'])
      expect(answers.length).toBe(2)
      expect(answers[1]?.body.toString()).toBe('x')
    }
  }
  expect(shield.s3.requestsFor('secret')).toEqual([])
  await expectUnharmed(shield, 1)
})
