/** Several ranges come as multipart/byteranges (RFC 9110 §14.6) of exactly the length that was announced. */
import { expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { type Answer, openRequest, pattern, request, startShield } from '../support/shield.ts'

const LENGTH = 50_000
const BYTES = pattern(LENGTH)

interface Part {
  readonly contentType: string | undefined
  readonly contentRange: string | undefined
  readonly bytes: Buffer
}

/** Reads a multipart body as a strict client would, by lengths: no byte may be left over. */
function partsOf({ headers, body }: Answer): readonly Part[] {
  const boundary = /^multipart\/byteranges; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})$/.exec(
    headers['content-type'] ?? '',
  )?.[1]
  if (boundary === undefined) throw new Error(`no boundary in ${headers['content-type']}`)
  const parts: Part[] = []
  let rest = body
  let delimiter = `--${boundary}`
  for (;;) {
    expect(rest.subarray(0, delimiter.length).toString('latin1')).toBe(delimiter)
    rest = rest.subarray(delimiter.length)
    delimiter = `\r\n--${boundary}`
    if (rest.toString('latin1') === '--\r\n') return parts
    const headEnd = rest.indexOf('\r\n\r\n')
    const [empty, ...lines] = rest.subarray(0, headEnd).toString('latin1').split('\r\n')
    expect(empty).toBe('')
    const fields = new Map(lines.map((line) => line.split(': ', 2) as [string, string]))
    const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(fields.get('Content-Range') ?? '') ?? []
    const end = headEnd + 4 + Number(last) - Number(first) + 1
    parts.push({
      contentType: fields.get('Content-Type'),
      contentRange: fields.get('Content-Range'),
      bytes: rest.subarray(headEnd + 4, end),
    })
    rest = rest.subarray(end)
  }
}

function expectParts(answer: Answer, stretches: readonly (readonly [number, number])[]): void {
  expect([answer.status, answer.isWhole, answer.headers['content-range']]).toEqual([206, true, undefined])
  expect(answer.headers['content-length']).toBe(String(answer.body.length))
  const parts = partsOf(answer)
  expect(parts.map(({ contentRange }) => contentRange)).toEqual(
    stretches.map(([start, end]) => `bytes ${start}-${end - 1}/${LENGTH}`),
  )
  for (const [index, [start, end]] of stretches.entries()) {
    expect(parts[index]?.bytes.equals(BYTES.subarray(start, end))).toBe(true)
    expect(parts[index]?.contentType).toBe('video/mp2t')
  }
}

test('each range is a part with its own media type and Content-Range, in the order asked for', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES)

  for (const _ of ['miss', 'hit']) {
    const answer = await request(port, {
      path: '/a.ts',
      headers: { Range: 'bytes=40000-49999, 0-1 ,,100-, 99999-, -7'.replace('100-,', '100-199,') },
    })
    expectParts(answer, [
      [40_000, 50_000],
      [0, 2],
      [100, 200],
      [49_993, 50_000],
    ])
  }
  expect(s3.requests.length).toBe(1)
})

test('parts of a body that is still arriving come when their bytes do', async () => {
  const { s3, port } = await startShield()
  const rest = gate()
  s3.put('a.ts', BYTES)
  s3.on('a.ts', pausedAfter(10_000, rest))

  const answer = await openRequest(port, { path: '/a.ts', headers: { Range: 'bytes=0-99,9900-10099,30000-30001,5-6' } })
  await answer.receivedBytes(300)
  rest.open()

  expectParts(await answer.ended, [
    [0, 100],
    [9900, 10_100],
    [30_000, 30_002],
    [5, 7],
  ])
})

test('of several ranges only one lies within the body: it comes alone, as a plain 206', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES)

  const { status, headers, body } = await request(port, { path: '/a.ts', headers: { Range: 'bytes=99999-,5-6,-0' } })

  expect([status, headers['content-range'], headers['content-type']]).toEqual([206, 'bytes 5-6/50000', 'video/mp2t'])
  expect(body.equals(BYTES.subarray(5, 7))).toBe(true)
})

test('sixteen ranges are answered, seventeen get the whole body', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES)
  const ranges = (count: number) =>
    `bytes=${Array.from({ length: count }, (_, i) => `${i * 10}-${i * 10 + 4}`).join(',')}`

  const sixteen = await request(port, { path: '/a.ts', headers: { Range: ranges(16) } })
  const seventeen = await request(port, { path: '/a.ts', headers: { Range: ranges(17) } })

  expectParts(
    sixteen,
    Array.from({ length: 16 }, (_, i) => [i * 10, i * 10 + 5] as const),
  )
  expect([seventeen.status, seventeen.body.equals(BYTES)]).toEqual([200, true])
})

test('ranges that together ask for more than there is get the body once', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES)

  const answer = await request(port, { path: '/a.ts', headers: { Range: 'bytes=0-,0-,0-' } })

  expect([answer.status, answer.body.equals(BYTES)]).toEqual([200, true])
})

test('no two answers have the same boundary, and the bytes cannot contain it', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES)
  const boundaries = new Set<string | undefined>()

  for (let count = 0; count < 5; count += 1) {
    const { headers, body } = await request(port, { path: '/a.ts', headers: { Range: 'bytes=0-99,200-299' } })
    const boundary = headers['content-type']?.split('boundary=')[1]
    boundaries.add(boundary)
    expect(body.toString('latin1').split(`--${boundary}`).length).toBe(4)
  }
  expect(boundaries.size).toBe(5)
})

test('an object without a media type gets parts without one', async () => {
  const { s3, port } = await startShield()
  s3.put('blob', BYTES, { 'content-type': '' })

  const answer = await request(port, { path: '/blob', headers: { Range: 'bytes=0-1,4-5' } })

  for (const { bytes } of partsOf(answer)) expect(bytes.length).toBe(2)
})
