/** A Range gets exactly the bytes RFC 9110 §14 gives it, out of memory and out of a body that is still arriving. */
import { describe, expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { type Answer, openRequest, pattern, request, type Shield, startShield } from '../support/shield.ts'

const LENGTH = 10_000
const BYTES = pattern(LENGTH)

/** Range, and the half-open stretch of the body it means. */
const SATISFIABLE: readonly (readonly [string, number, number])[] = [
  ['bytes=0-0', 0, 1],
  ['bytes=0-1', 0, 2],
  ['bytes=100-199', 100, 200],
  ['bytes=9999-9999', 9999, LENGTH],
  ['bytes=9000-', 9000, LENGTH],
  ['bytes=0-', 0, LENGTH],
  ['bytes=-1', 9999, LENGTH],
  ['bytes=-500', 9500, LENGTH],
  ['bytes=-99999', 0, LENGTH],
  ['bytes=5000-99999', 5000, LENGTH],
  ['bytes=0-9007199254740991', 0, LENGTH],
  ['bytes=1-99999999999999999999999999999999', 1, LENGTH],
  ['bytes=-99999999999999999999999999999999', 0, LENGTH],
  [`bytes=2-${'9'.repeat(400)}`, 2, LENGTH],
  ['Bytes=3-4', 3, 5],
  ['bytes= 7-8 ,', 7, 9],
  ['bytes=00000000000000000000000000001-2', 1, 3],
]

const UNSATISFIABLE = [
  'bytes=10000-',
  'bytes=10000-10001',
  'bytes=-0',
  'bytes=9007199254740991-',
  'bytes=99999999999999999999999999999999-99999999999999999999999999999999',
  'bytes=10000-,20000-',
]

const IGNORED = [
  'bytes',
  'bytes=',
  'bytes=-',
  'bytes=a-b',
  'bytes=5-4',
  'bytes=99999999999999999999999999999999-99999999999999999999999999999998',
  'bytes=0-1,x',
  'bytes=0x1-2',
  'bytes=+1-2',
  'bytes=1 -2',
  'bytes=1--2',
  'bytes=0-1;2-3',
  'bytes 0-1',
  'bytes=1.5-2',
  'items=0-1',
  'seconds=0-1',
  '0-1',
]

function expectPart(range: string, { status, headers, body, isWhole }: Answer, start: number, end: number): void {
  expect({ range, status, isWhole }).toEqual({ range, status: 206, isWhole: true })
  expect({ range, contentRange: headers['content-range'], contentLength: headers['content-length'] }).toEqual({
    range,
    contentRange: `bytes ${start}-${end - 1}/${LENGTH}`,
    contentLength: String(end - start),
  })
  expect(body.equals(BYTES.subarray(start, end))).toBe(true)
}

function expectWhole(range: string, { status, headers, body }: Answer): void {
  expect({ range, status, contentRange: headers['content-range'] }).toEqual({
    range,
    status: 200,
    contentRange: undefined,
  })
  expect(body.equals(BYTES)).toBe(true)
}

function ask({ port }: Shield, range: string): Promise<Answer> {
  return request(port, { path: '/a.ts', headers: { Range: range } })
}

describe('of an object in memory', () => {
  async function startWarm(): Promise<Shield> {
    const shield = await startShield()
    shield.s3.put('a.ts', BYTES, { etag: '"v1"' })
    await request(shield.port, { path: '/a.ts' })
    return shield
  }

  test('a range that begins within the body is answered with those bytes', async () => {
    const shield = await startWarm()
    for (const [range, start, end] of SATISFIABLE) expectPart(range, await ask(shield, range), start, end)
    expect(shield.s3.requests.length).toBe(1)
  })

  test('a part carries the fields of the whole', async () => {
    const shield = await startWarm()
    const whole = await request(shield.port, { path: '/a.ts' })
    const part = await ask(shield, 'bytes=0-1')

    const { 'content-length': _, ...fieldsOfWhole } = whole.headers
    const { 'content-length': __, 'content-range': ___, ...fieldsOfPart } = part.headers
    expect(fieldsOfPart).toEqual(fieldsOfWhole)
  })

  test('a range beyond the end is a 416 that tells the length', async () => {
    const shield = await startWarm()
    for (const range of UNSATISFIABLE) {
      const { status, headers, body } = await ask(shield, range)
      expect({ range, status, contentRange: headers['content-range'] }).toEqual({
        range,
        status: 416,
        contentRange: `bytes */${LENGTH}`,
      })
      expect([headers['content-type'], body.toString()]).toEqual([
        'text/plain; charset=utf-8',
        'Range not satisfiable\n',
      ])
    }
  })

  test('a range that is malformed or of another unit is ignored', async () => {
    const shield = await startWarm()
    for (const range of IGNORED) expectWhole(range, await ask(shield, range))
  })

  test('Range given twice is no range', async () => {
    const { port } = await startWarm()
    const answer = await request(port, { path: '/a.ts', headers: { Range: ['bytes=0-1', 'bytes=2-3'] } })
    expectWhole('twice', answer)
  })
})

describe('of an object nobody has asked for before', () => {
  test('each is answered out of one fetch of the first slice, which is the whole object', async () => {
    for (const [range, start, end] of SATISFIABLE) {
      const shield = await startShield()
      shield.s3.put('a.ts', BYTES)
      expectPart(range, await ask(shield, range), start, end)
      expect(shield.s3.requests.map(({ headers }) => headers.range)).toHaveLength(1)
      await shield.close()
    }
  })

  test('one that is unsatisfiable still fills the cache', async () => {
    const shield = await startShield()
    shield.s3.put('a.ts', BYTES)

    const unsatisfiable = await ask(shield, 'bytes=10000-')
    const whole = await request(shield.port, { path: '/a.ts' })

    expect([unsatisfiable.status, unsatisfiable.headers['content-range']]).toEqual([416, 'bytes */10000'])
    expectWhole('none', whole)
    expect(shield.s3.requests.length).toBe(1)
  })
})

describe('of a body that is still arriving', () => {
  async function startHalfWay(): Promise<Shield & { readonly finish: () => void }> {
    const shield = await startShield()
    const rest = gate()
    shield.s3.put('a.ts', BYTES)
    shield.s3.on('a.ts', pausedAfter(5000, rest))
    const filler = await openRequest(shield.port, { path: '/a.ts' })
    await filler.receivedBytes(5000)
    return { ...shield, finish: rest.open }
  }

  test('a range that is there already is answered before the rest comes', async () => {
    const shield = await startHalfWay()

    expectPart('bytes=0-1', await ask(shield, 'bytes=0-1'), 0, 2)
    expectPart('bytes=4000-4999', await ask(shield, 'bytes=4000-4999'), 4000, 5000)
    expect((await ask(shield, 'bytes=10000-')).status).toBe(416)
    shield.finish()
  })

  test('a range that is not there yet comes with the bytes, whole and exact', async () => {
    const shield = await startHalfWay()
    const ranges = SATISFIABLE.filter(([, , end]) => end > 5000)
    const answers = ranges.map(([range]) => ask(shield, range))
    // One that needs no more bytes shows that the server works on; the others wait for theirs.
    await ask(shield, 'bytes=0-1')
    shield.finish()

    for (const [index, [range, start, end]] of ranges.entries()) {
      const answer = await answers[index]
      if (answer === undefined) throw new Error('not asked')
      expectPart(range, answer, start, end)
    }
    expect(shield.s3.requests.length).toBe(1)
  })

  test('a range across the frontier begins at once and goes on when the bytes come', async () => {
    const shield = await startHalfWay()
    const answer = await openRequest(shield.port, { path: '/a.ts', headers: { Range: 'bytes=4900-5099' } })
    await answer.receivedBytes(100)
    expect(answer.received().equals(BYTES.subarray(4900, 5000))).toBe(true)
    shield.finish()
    expectPart('bytes=4900-5099', await answer.ended, 4900, 5100)
  })
})

describe('of an empty object', () => {
  test('a first byte does not exist, and the last bytes are none', async () => {
    const { s3, port } = await startShield()
    s3.put('empty.ts', '')

    for (const range of ['bytes=0-', 'bytes=0-1', 'bytes=-0']) {
      const { status, headers } = await request(port, { path: '/empty.ts', headers: { Range: range } })
      expect([range, status, headers['content-range']]).toEqual([range, 416, 'bytes */0'])
    }
    const { status, body } = await request(port, { path: '/empty.ts', headers: { Range: 'bytes=-5' } })
    expect([status, body.length]).toEqual([200, 0])
  })
})

describe('of an object too large to keep', () => {
  test('one range is asked of the origin by itself, and answered exactly', async () => {
    const shield = await startShield({ cache: { maxObject: '1KiB' } })
    shield.s3.put('a.ts', BYTES, { etag: 'W/"1"' })
    await request(shield.port, { path: '/a.ts' })

    for (const [range, start, end] of SATISFIABLE) expectPart(range, await ask(shield, range), start, end)
    for (const range of UNSATISFIABLE) {
      const { status, headers } = await ask(shield, range)
      expect([range, status, headers['content-range']]).toEqual([range, 416, 'bytes */10000'])
    }
    expect(shield.s3.requests[1]?.headers.range).toBe('bytes=0-0')
  })

  test('the very first request gets its range too', async () => {
    const shield = await startShield({ cache: { maxObject: '1KiB' } })
    shield.s3.put('a.ts', BYTES)

    expectPart('bytes=100-199', await ask(shield, 'bytes=100-199'), 100, 200)
  })
})

describe('of what is no object', () => {
  test('a Range changes nothing about a 404', async () => {
    const shield = await startShield()
    for (const _ of ['miss', 'hit']) {
      const { status, headers, body } = await ask(shield, 'bytes=0-1')
      expect([status, headers['content-range'], body.toString()]).toEqual([404, undefined, 'Not found\n'])
    }
  })
})
