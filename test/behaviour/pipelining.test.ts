/** Requests behind requests: good ones are answered in order, and bad ones never get into the answer before them. */
import { describe, expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import {
  expectUnharmed,
  hasAnswers,
  openRaw,
  parseAnswers,
  pattern,
  rawExchange,
  type Shield,
  startShield,
} from '../support/shield.ts'

const BYTES = pattern(20_000)

function get(path: string, fields = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`
}

test('good requests are answered in their order, whatever order the origin answers in', async () => {
  const { s3, port } = await startShield()
  const [first, third] = [gate(), gate()]
  for (const name of ['1', '2', '3']) s3.put(name, `answer ${name}`)
  s3.on('1', async (exchange) => {
    await first.opened
    await exchange.answer()
  })
  s3.on('3', async (exchange) => {
    await exchange.answer()
    third.open()
  })

  const connection = await openRaw(port)
  connection.write(get('/1') + get('/2') + get('/nothing') + get('/3') + get('/1', 'Connection: close\r\n'))
  await third.opened
  expect(connection.received().length).toBe(0)
  first.open()

  const answers = parseAnswers(await connection.closed)
  expect(answers.map(({ status, body }) => [status, body.toString()])).toEqual([
    [200, 'answer 1'],
    [200, 'answer 2'],
    [404, 'Not found\n'],
    [200, 'answer 3'],
    [200, 'answer 1'],
  ])
  expect(s3.requestsFor('1').length).toBe(1)
})

test('a request that expects a 100 behind an answer under way gets none into that answer', async () => {
  const { s3, port } = await startShield()
  const rest = gate()
  s3.put('1', BYTES)
  s3.put('2', 'second')
  s3.on('1', pausedAfter(10_000, rest))
  const connection = await openRaw(port)
  connection.write(get('/1'))
  await connection.until((received) => received.includes(BYTES.subarray(0, 10_000)))
  connection.write(get('/2', 'Expect: 100-continue\r\n'))
  await s3.received(2)
  rest.open()
  await connection.until(hasAnswers(2))

  const answers = parseAnswers(connection.received())
  expect(answers.map(({ status, isWhole }) => [status, isWhole])).toEqual([
    [200, true],
    [200, true],
  ])
  expect(answers[0]?.body.equals(BYTES)).toBe(true)
  expect(answers[1]?.body.toString()).toBe('second')
  connection.leave()
})

test('a hundred requests may wait on one connection, and one more ends it', async () => {
  const { s3, port } = await startShield()
  const headers = gate()
  s3.put('1', 'answer')
  s3.on('1', async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const patient = await openRaw(port)
  patient.write(get('/1').repeat(100))
  const flooding = await openRaw(port)
  flooding.write(get('/1').repeat(101))

  expect((await flooding.closed).length).toBe(0)
  headers.open()
  await patient.until(hasAnswers(100))
  expect(s3.requests).toHaveLength(1)
  patient.leave()
})

test('what has been answered on a connection does not count any more', async () => {
  const { s3, port } = await startShield()
  s3.put('a', 'x')
  const connection = await openRaw(port)
  for (let round = 1; round <= 3; round += 1) {
    connection.write(get('/a').repeat(60))
    await connection.until(hasAnswers(60 * round))
  }
  expect(parseAnswers(connection.received()).map(({ status }) => status)).toEqual(Array(180).fill(200))
  connection.leave()
})

test('refusals keep their place among good answers, and the connection goes on', async () => {
  const { s3, port } = await startShield()
  s3.put('a', 'x')

  const received = await rawExchange(
    port,
    get('/a') + get('/../a') + get('/a') + get('/%00') + get('/') + get('/a'),
    hasAnswers(6),
  )

  expect(parseAnswers(received).map(({ status }) => status)).toEqual([200, 400, 200, 400, 404, 200])
})

test('after Connection: close nothing more is answered', async () => {
  const { s3, port } = await startShield()
  s3.put('a', 'x')
  s3.put('b', 'y')

  const received = await rawExchange(port, get('/a', 'Connection: close\r\n') + get('/b'))

  expect(parseAnswers(received).map(({ body }) => body.toString())).toEqual(['x'])
  expect(s3.requestsFor('b')).toEqual([])
})

const BEHIND: Readonly<Record<string, string>> = {
  garbage: '\x16\x03\x01\x02\x00garbage\r\n\r\n',
  'a bad field': get('/secret', 'X : y\r\n'),
  'fields that are too large': get('/secret', `X: ${'a'.repeat(20_000)}\r\n`),
  'two lengths': get('/secret', 'Content-Length: 0\r\nContent-Length: 1\r\n'),
  'a second Host': get('/secret', 'Host: y\r\nConnection: close\r\n'),
  'a bad target': get('/../secret', 'Connection: close\r\n'),
  CONNECT: 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n',
}

/** The answers before the bad one are exact as far as they go; what stands behind whole ones is a refusal. */
function expectNothingForeign(received: Buffer, expected: readonly Buffer[]): void {
  for (const [index, { status, body, isWhole }] of parseAnswers(received).entries()) {
    const whole = expected[index]
    if (whole === undefined) expect([400, 405, 431]).toContain(status)
    else {
      expect(status).toBe(200)
      expect(body.equals(isWhole ? whole : whole.subarray(0, body.length))).toBe(true)
    }
  }
}

describe.each(Object.entries(BEHIND))('%s', (_, behind) => {
  async function startWithSlow(name: string): Promise<Shield & { readonly finish: () => void }> {
    const shield = await startShield()
    const rest = gate()
    shield.s3.put('secret', 'SECRET')
    shield.s3.put(name, BYTES)
    shield.s3.on(name, pausedAfter(10_000, rest))
    return { ...shield, finish: rest.open }
  }

  test('behind a request whose answer is being written is never seen inside it', async () => {
    const shield = await startWithSlow('slow')
    const connection = await openRaw(shield.port)
    connection.write(get('/slow'))
    await connection.until((received) => received.length > 10_000)
    connection.write(behind)
    // Another connection's answer shows that the server has had its turn with these bytes.
    await expectUnharmed(shield, 1)
    shield.finish()

    expectNothingForeign(await connection.closed, [BYTES])
    expect(shield.s3.requestsFor('secret')).toEqual([])
  })

  test('behind the second of two requests is never seen inside its answer', async () => {
    const shield = await startWithSlow('slow')
    const quick = Buffer.from('quick')
    shield.s3.put('quick', quick)
    const connection = await openRaw(shield.port)
    connection.write(get('/quick') + get('/slow'))
    await connection.until((received) => received.length > 10_400)
    connection.write(behind)
    await expectUnharmed(shield, 2)
    shield.finish()

    expectNothingForeign(await connection.closed, [quick, BYTES])
    expect(shield.s3.requestsFor('secret')).toEqual([])
  })

  test('in one packet behind a cold request is never answered from the origin', async () => {
    const shield = await startWithSlow('slow')
    const connection = await openRaw(shield.port)
    connection.write(get('/slow') + behind)
    shield.finish()

    expectNothingForeign(await connection.closed, [BYTES])
    expect(shield.s3.requestsFor('secret')).toEqual([])
    await expectUnharmed(shield, shield.s3.requests.length)
  })
})
