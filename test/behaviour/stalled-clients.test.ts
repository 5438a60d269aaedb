/** A client that takes no byte of an answer that waits for it is cut off, whatever it holds. */
import { expect, test } from 'vitest'
import { openRequest, pattern, request, startShield } from '../support/shield.ts'

// Larger than what the kernel buffers between two sockets.
const BYTES = pattern(24 * 1024 ** 2)
const OPTIONS = { cache: { memory: '64MiB', maxObject: '32MiB' }, pool: { maxFreeSockets: 0 }, clientStallMs: 100 }

test.each([
  ['an object that is being fetched', { ...OPTIONS }],
  ['an object that is passed through, whose connection to the origin comes back', { ...OPTIONS, cache: {} }],
])('%s', async (_what, options) => {
  const { s3, port, accessRecords } = await startShield(options)
  s3.put('a.ts', BYTES)
  const stalled = await openRequest(port, { path: '/a.ts' })
  stalled.pause()

  const [record] = await accessRecords(1)
  await s3.socketsAtMost(0)
  expect(record?.['end']).toBe('left')
  stalled.resume()
  expect((await stalled.ended).isWhole).toBe(false)
})

test('an object from memory, all or a part of it', async () => {
  const { s3, port, accessRecords } = await startShield(OPTIONS)
  s3.put('a.ts', BYTES)
  await request(port, { path: '/a.ts' })
  const whole = await openRequest(port, { path: '/a.ts' })
  const part = await openRequest(port, { path: '/a.ts', headers: { Range: 'bytes=1-' } })
  whole.pause()
  part.pause()

  const records = await accessRecords(3)
  expect(records.map(({ end }) => end)).toEqual(['whole', 'left', 'left'])
  for (const stalled of [whole, part]) {
    stalled.resume()
    expect((await stalled.ended).isWhole).toBe(false)
  }
})

test('an answer that was taken in time leaves its connection open for the next', async () => {
  const { s3, port } = await startShield(OPTIONS)
  s3.put('a.ts', BYTES)
  const reading = await openRequest(port, { path: '/a.ts' })
  expect((await reading.ended).body.equals(BYTES)).toBe(true)
})
