/** HEAD tells what GET would send, without the bytes, out of the same stored answer. */
import { expect, test } from 'vitest'
import { hasAnswers, parseAnswers, pattern, rawExchange, request, startShield } from '../support/shield.ts'

const HEAD = 'HEAD /a.ts HTTP/1.1\r\nHost: x\r\n\r\n'
const GET = 'GET /a.ts HTTP/1.1\r\nHost: x\r\n\r\n'

test('HEAD has the fields of GET and no body, cold and warm, from one GET at the origin', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(200_000)
  s3.put('a.ts', bytes, { 'cache-control': 'max-age=60', date: 'Thu, 01 Jan 2026 00:00:00 GMT' })

  // On one connection: a body that should not be there would be taken for the next answer.
  const methods = ['HEAD', 'HEAD', 'GET', 'HEAD']
  const received = await rawExchange(port, HEAD + HEAD + GET + HEAD, hasAnswers(4, methods))
  const answers = parseAnswers(received, methods)

  const fieldsBut = (name: string) =>
    answers.map(({ rawHeaders }) => rawHeaders.filter(([other]) => other !== name).map((pair) => pair.join(': ')))
  const [first, ...others] = fieldsBut('Cache-Status')
  expect(others).toEqual([first, first, first])
  expect(first).toContain('Content-Length: 200000')
  expect(answers.map(({ body }) => body.length)).toEqual([0, 0, 200_000, 0])
  expect(answers[2]?.body.equals(bytes)).toBe(true)
  expect(s3.requests.map(({ method }) => method)).toEqual(['GET'])
})

test('a Range is nothing to HEAD, since it is defined for GET alone', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', '0123456789')
  await request(port, { path: '/a.ts' })

  for (const range of ['bytes=2-4', 'bytes=100-', 'bytes=0-1,3-4']) {
    const { status, headers } = await request(port, { method: 'HEAD', path: '/a.ts', headers: { Range: range } })
    expect([status, headers['content-length'], headers['content-range']]).toEqual([200, '10', undefined])
  }
})

test('nor is a Range anything to HEAD of an object that is too large to keep', async () => {
  const { s3, port } = await startShield({ cache: { maxObject: '10B' } })
  s3.put('big.ts', pattern(1000))
  await request(port, { path: '/big.ts' })

  for (const range of ['bytes=2-4', 'bytes=1000-']) {
    const { status, headers } = await request(port, { method: 'HEAD', path: '/big.ts', headers: { Range: range } })
    expect([status, headers['content-length'], headers['content-range']]).toEqual([200, '1000', undefined])
  }
})

test('HEAD of a missing object has the fields of the 404 and none of its text', async () => {
  const { port } = await startShield()

  const received = await rawExchange(port, HEAD + HEAD, hasAnswers(2, ['HEAD', 'HEAD']))

  const answers = parseAnswers(received, ['HEAD', 'HEAD'])
  expect(answers.map(({ status, headers }) => [status, headers['content-length']])).toEqual([
    [404, '10'],
    [404, '10'],
  ])
})

test('HEAD of what the shield refuses has no body either', async () => {
  const { port } = await startShield()

  const received = await rawExchange(
    port,
    `HEAD /%00 HTTP/1.1\r\nHost: x\r\n\r\nHEAD /../a HTTP/1.1\r\nHost: x\r\n\r\n`,
    hasAnswers(2, ['HEAD', 'HEAD']),
  )

  expect(parseAnswers(received, ['HEAD', 'HEAD']).map(({ status }) => status)).toEqual([400, 400])
})
