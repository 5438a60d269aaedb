/** If-Range sends the part where the client's copy is still this object, and the whole where it is another. */
import { expect, test } from 'vitest'
import { type Answer, pattern, request, startShield } from '../support/shield.ts'

const BYTES = pattern(1000)
const MODIFIED = 'Wed, 31 Dec 2025 12:00:00 GMT'
const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT'

const PART = [`"v1"`, MODIFIED, 'Wednesday, 31-Dec-25 12:00:00 GMT']
const WHOLE = ['"v2"', 'W/"v1"', 'v1', '*', '"v1", "v2"', 'Thu, 01 Jan 2026 12:00:00 GMT', DATE, 'yesterday', '']

function outcome({ status, headers, body }: Answer) {
  const expected = status === 206 ? BYTES.subarray(10, 20) : BYTES
  return { status, contentRange: headers['content-range'], areBytesRight: body.equals(expected) }
}

const part = { status: 206, contentRange: 'bytes 10-19/1000', areBytesRight: true }
const whole = { status: 200, contentRange: undefined, areBytesRight: true }

test.each([
  ['cold', false],
  ['warm', true],
])('%s, the part comes for the current validator alone', async (_, isWarm) => {
  const { s3, port } = await startShield()
  const ask = async (validator: string, index: number) => {
    const key = `${index}.ts`
    s3.put(key, BYTES, { etag: '"v1"', 'last-modified': MODIFIED, date: DATE })
    if (isWarm) await request(port, { path: `/${key}` })
    return outcome(await request(port, { path: `/${key}`, headers: { Range: 'bytes=10-19', 'If-Range': validator } }))
  }

  for (const [index, validator] of PART.entries())
    expect([validator, await ask(validator, index)]).toEqual([validator, part])
  for (const [index, validator] of WHOLE.entries()) {
    expect([validator, await ask(validator, 100 + index)]).toEqual([validator, whole])
  }
  expect(s3.requests.length).toBe(PART.length + WHOLE.length)
  expect(s3.requests.every(({ headers }) => headers['if-range'] === undefined)).toBe(true)
})

test('a weak tag is never good enough for a part', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES, { etag: 'W/"v1"' })

  const answer = await request(port, { path: '/a.ts', headers: { Range: 'bytes=10-19', 'If-Range': 'W/"v1"' } })

  expect(outcome(answer)).toEqual(whole)
})

test('a date within a second of the answer’s own proves nothing', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES, { 'last-modified': DATE, date: DATE })

  const answer = await request(port, { path: '/a.ts', headers: { Range: 'bytes=10-19', 'If-Range': DATE } })

  expect(outcome(answer)).toEqual(whole)
})

test('If-Range beside a range that is unsatisfiable: 416 for the same object, the whole for another', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES, { etag: '"v1"' })
  const ask = (validator: string) =>
    request(port, { path: '/a.ts', headers: { Range: 'bytes=1000-', 'If-Range': validator } })

  expect((await ask('"v1"')).status).toBe(416)
  expect(outcome(await ask('"v2"'))).toEqual(whole)
})

test('If-Range without Range is nothing', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES, { etag: '"v1"' })

  for (const _ of ['miss', 'hit']) {
    expect(outcome(await request(port, { path: '/a.ts', headers: { 'If-Range': '"v1"' } }))).toEqual(whole)
  }
})

test('an object too large to keep is never answered with a part of another version', async () => {
  const { s3, port } = await startShield({ cache: { maxObject: '10B' } })
  s3.put('a.ts', BYTES, { etag: '"v1"', 'cache-control': 'no-store' })
  await request(port, { path: '/a.ts' })
  const changed = pattern(1000, 2)
  s3.put('a.ts', changed, { etag: '"v2"', 'cache-control': 'no-store' })

  const answer = await request(port, { path: '/a.ts', headers: { Range: 'bytes=10-19', 'If-Range': '"v1"' } })

  expect([answer.status, answer.body.equals(changed)]).toEqual([200, true])
})
