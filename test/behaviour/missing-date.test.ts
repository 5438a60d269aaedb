/** An origin that sends no Date: its answers are dated by their arrival, not by when they are given out (RFC 9110 §6.6.1). */
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { request } from '../support/shield.ts'

const START = 'Thu, 01 Jan 2026 00:00:00 GMT'

test('a stored answer says when it came, in every answer made from it', async () => {
  const { origin, port, clock } = await startHttpShield()
  origin.put('/page', 'page', { 'Cache-Control': 'max-age=60' })
  const first = await request(port, { path: '/page' })
  clock.advance(5000)
  const second = await request(port, { path: '/page' })
  expect([first.headers['date'], first.headers['age']]).toEqual([START, '0'])
  expect([second.headers['date'], second.headers['age']]).toEqual([START, '5'])
})

test('one that was confirmed says when that was', async () => {
  const { origin, port, clock } = await startHttpShield()
  origin.put('/page', 'page', { 'Cache-Control': 'max-age=1' })
  await request(port, { path: '/page' })
  clock.advance(5000)
  const { headers } = await request(port, { path: '/page' })
  expect(headers['cache-status']).toContain('fwd-status=304')
  expect([headers['date'], headers['age']]).toEqual(['Thu, 01 Jan 2026 00:00:05 GMT', '0'])
})
