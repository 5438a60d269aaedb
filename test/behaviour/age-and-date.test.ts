/** Age counts from when the origin made the answer, and Date stays the origin's. */
import { expect, test } from 'vitest'
import { request, startShield } from '../support/shield.ts'

const START = 'Thu, 01 Jan 2026 00:00:00 GMT'

test('Age grows by whole seconds while the answer is stored, and Date does not change', async () => {
  const { s3, port, clock } = await startShield()
  s3.put('a.ts', 'x', { date: START })

  const ages: (string | undefined)[] = []
  for (const passedMs of [0, 999, 1, 59_000]) {
    clock.advance(passedMs)
    const { headers } = await request(port, { path: '/a.ts' })
    expect(headers['date']).toBe(START)
    ages.push(headers['age'])
  }

  expect(ages).toEqual(['0', '0', '1', '60'])
  expect(s3.requests.length).toBe(1)
})

test('an answer that was old when it came is that much older, and fresh for that much less', async () => {
  const { s3, port, clock } = await startShield()
  s3.put('a.ts', 'x', { date: START, age: '40', 'cache-control': 'max-age=100' })

  const miss = await request(port, { path: '/a.ts' })
  clock.advance(59_000)
  const hit = await request(port, { path: '/a.ts' })
  clock.advance(1000)
  const stale = await request(port, { path: '/a.ts' })

  expect([miss.headers['age'], hit.headers['age']]).toEqual(['40', '99'])
  expect(hit.headers['cache-status']).toBe('segment-shield; hit; ttl=1')
  expect(stale.headers['cache-status']).toContain('fwd=stale')
})

test('an answer whose Date lies back has the age that the Date tells', async () => {
  const { s3, port, clock } = await startShield()
  clock.advance(30_000)
  s3.put('a.ts', 'x', { date: START, 'cache-control': 'max-age=60' })

  const miss = await request(port, { path: '/a.ts' })
  clock.advance(5000)
  const hit = await request(port, { path: '/a.ts' })

  expect([miss.headers['age'], miss.headers['date']]).toEqual(['30', START])
  expect([hit.headers['age'], hit.headers['cache-status']]).toEqual(['35', 'segment-shield; hit; ttl=25'])
})

test('a clock set back never makes an age negative', async () => {
  const { s3, port, clock } = await startShield()
  s3.put('a.ts', 'x', { date: START })
  await request(port, { path: '/a.ts' })
  clock.jumpTo(clock.now() - 3_600_000)

  expect((await request(port, { path: '/a.ts' })).headers['age']).toBe('0')
})
